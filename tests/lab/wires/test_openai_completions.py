from __future__ import annotations

from typing import Any

from msgspec import json

from headgate.lab.wires.openai_completions import OPENAI_COMPLETIONS, read
from headgate.lab.wires.question import Answer, Usage
from tests.lab.asking import events, question

ANSWER = Answer(pieces=("Hello", " you."), usage=Usage(2, 2))


def test_a_completion_has_text_and_usage() -> None:
    reply: Any = json.decode(OPENAI_COMPLETIONS.whole(question("openai_completions", n=2), ANSWER))
    assert [choice["text"] for choice in reply["choices"]] == ["Hello you."] * 2
    assert (reply["object"], reply["usage"]["total_tokens"]) == ("text_completion", 4)


def test_a_stream_has_its_finish_in_the_last_chunk_before_usage() -> None:
    asked = question("openai_completions", stream_options={"include_usage": True})
    *chunks, counts, done = events(b"".join(OPENAI_COMPLETIONS.frames(asked, ANSWER)))
    assert [chunk["choices"][0]["text"] for chunk in chunks] == ["Hello", " you.", ""]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert (counts["choices"], counts["usage"]["completion_tokens"], done) == ([], 2, "[DONE]")


def test_a_prompt_is_one_text_or_several() -> None:
    assert read({"prompt": "a b"}).texts == ("a b",)
    assert read({"prompt": ["a", "b"]}).last_text == "b"
    assert read({"prompt": [1, 2]}).problem == ""
    assert "prompt" in read({}).problem
