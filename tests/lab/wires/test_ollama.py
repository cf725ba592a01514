from __future__ import annotations

from typing import Any

from msgspec import json
from msgspec.structs import replace

from headgate.lab.wires.ollama import OLLAMA, read
from headgate.lab.wires.question import Answer, Call, Fault, Usage
from tests.lab.asking import HI, events, question

ANSWER = Answer(pieces=("Hello", " you."), usage=Usage(prompt=5, output=2, reasoning=3))
MIXED = Answer(thinking=("mull",), calls=(Call("look", {"city": "Oslo"}),), finish="tool")


def asked(**more: Any) -> Any:
    return question("ollama", **more)


def test_it_streams_unless_the_caller_says_no() -> None:
    assert [read(HI | more).stream for more in ({}, {"stream": True}, {"stream": False})] == [
        True, True, False,
    ]  # fmt: skip


def test_a_reply_counts_beside_its_message() -> None:
    reply: Any = json.decode(OLLAMA.whole(asked(), ANSWER))
    assert reply["message"] == {"role": "assistant", "content": "Hello you."}
    assert (reply["done"], reply["done_reason"]) == (True, "stop")
    assert (reply["prompt_eval_count"], reply["eval_count"]) == (5, 5)
    assert b"eval_count" not in OLLAMA.whole(asked(), replace(ANSWER, usage=None))


def test_a_stream_is_a_line_for_each_piece_and_one_for_the_end() -> None:
    lines = events(b"".join(OLLAMA.frames(asked(), ANSWER)))
    assert [line["message"]["content"] for line in lines] == ["Hello", " you.", ""]
    assert [line["done"] for line in lines] == [False, False, True]
    assert lines[-1]["eval_count"] == 5


def test_a_call_comes_whole_and_does_not_show_in_the_reason() -> None:
    thought, call, end = events(b"".join(OLLAMA.frames(asked(), MIXED)))
    assert thought["message"]["thinking"] == "mull"
    function = call["message"]["tool_calls"][0]["function"]
    assert (function["name"], function["arguments"]) == ("look", {"city": "Oslo"})
    assert end["done_reason"] == "stop"
    whole: Any = json.decode(OLLAMA.whole(asked(), MIXED))
    assert whole["message"]["tool_calls"][0]["function"] == function


def test_the_reader_sees_images_and_the_last_results() -> None:
    messages: list[Any] = [
        {"role": "user", "content": "see", "images": ["AAAA"]},
        {"role": "tool", "content": "one"},
        {"role": "tool", "content": "two"},
    ]
    prompt = read({"messages": messages})
    assert prompt.media == ("image 3 bytes",)
    assert prompt.tool_result == "one two"


def test_contents_are_texts() -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    assert "cannot unmarshal array" in read({"messages": parts}).problem


def test_an_error_is_a_line() -> None:
    assert OLLAMA.error_frame(asked(), Fault(500, "no")) == b'{"error":"no"}\n'
