from __future__ import annotations

from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace

from headgate.lab.wires.openai import OPENAI, read
from headgate.lab.wires.question import Answer, Call, Fault, Json, Question, Usage
from tests.lab.asking import OFFERS, events, question

ANSWER = Answer(pieces=("Hello", " you."), usage=Usage(prompt=3, output=2, reasoning=4, cached=1))
CALLS = Answer(calls=(Call("look", {"city": "Oslo"}), Call("look", {})), finish="tool")


def whole(answer: Answer, asked: Question) -> Any:
    return json.decode(OPENAI.whole(asked, answer))


def test_a_completion_has_text_finish_and_usage() -> None:
    reply = whole(ANSWER, question())
    choice = reply["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Hello you.", "stop")
    assert reply["usage"]["completion_tokens"] == 6
    assert reply["usage"]["total_tokens"] == 9
    assert reply["usage"]["completion_tokens_details"] == {"reasoning_tokens": 4}
    assert reply["usage"]["prompt_tokens_details"] == {"cached_tokens": 1}


def test_a_stream_carries_role_text_finish_and_the_end() -> None:
    *chunks, done = events(b"".join(OPENAI.frames(question(stream=True), ANSWER)))
    assert done == "[DONE]"
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas == [
        {"role": "assistant", "content": ""}, {"content": "Hello"}, {"content": " you."}, {},
    ]  # fmt: skip
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert not any("usage" in chunk for chunk in chunks)


def test_usage_comes_in_a_chunk_of_its_own_if_asked_for() -> None:
    asked = question(stream_options={"include_usage": True})
    *chunks, last, _done = events(b"".join(OPENAI.frames(asked, ANSWER)))
    assert [chunk["usage"] for chunk in chunks] == [None] * 4
    assert (last["choices"], last["usage"]["prompt_tokens"]) == ([], 3)


def test_no_usage_means_no_usage_chunk() -> None:
    asked = question(stream_options={"include_usage": True})
    frames = OPENAI.frames(asked, replace(ANSWER, usage=None))
    assert all(chunk["usage"] is None for chunk in events(b"".join(frames))[:-1])
    assert "usage" not in whole(replace(ANSWER, usage=None), asked)


def test_all_choices_say_the_same() -> None:
    assert len(whole(ANSWER, question(n=3))["choices"]) == 3
    chunks = events(b"".join(OPENAI.frames(question(n=2), ANSWER)))[:-1]
    assert [chunk["choices"][0]["index"] for chunk in chunks] == [0, 1] * 4


def test_tool_calls_come_in_pieces_that_join_to_the_arguments() -> None:
    message = whole(CALLS, question())["choices"][0]["message"]
    assert message["content"] is None
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == [
        '{"city":"Oslo"}',
        "{}",
    ]
    arguments = {0: "", 1: ""}
    ids = []
    for chunk in events(b"".join(OPENAI.frames(question(), CALLS)))[:-1]:
        for call in chunk["choices"][0]["delta"].get("tool_calls", []):
            arguments[call["index"]] += call["function"]["arguments"]
            ids += [call["id"]] if "id" in call else []
    assert arguments == {0: '{"city":"Oslo"}', 1: "{}"}
    assert ids == [call["id"] for call in message["tool_calls"]]


def test_thinking_is_reasoning_content() -> None:
    answer = replace(ANSWER, thinking=("mull", " it"))
    assert whole(answer, question())["choices"][0]["message"]["reasoning_content"] == "mull it"
    chunks = events(b"".join(OPENAI.frames(question(), answer)))[:-1]
    pieces = [chunk["choices"][0]["delta"].get("reasoning_content", "") for chunk in chunks]
    assert "".join(pieces) == "mull it"


def test_the_reader_sees_texts_media_and_tool_results() -> None:
    parts: list[Json] = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "http://x/y.png"}},
        {"type": "input_audio", "input_audio": {"format": "wav", "data": "AAAAAAAA"}},
        {"type": "file", "file": {"filename": "a.pdf"}},
    ]
    messages = [{"role": "user", "content": parts}, {"role": "tool", "content": "-2 C"}]
    prompt = read({"messages": messages})
    assert prompt.texts == ("look", "-2 C")
    assert (prompt.last_text, prompt.tool_result) == ("look", "-2 C")
    assert prompt.media == (
        "image/png 3 bytes",
        "image http://x/y.png",
        "audio/wav 6 bytes",
        "file a.pdf",
    )


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("auto", ["look", "take"]),
        ("none", []),
        ({"type": "function", "function": {"name": "take"}}, ["take"]),
    ],
)
def test_the_tool_choice_decides_what_may_be_called(choice: object, names: list[str]) -> None:
    tools = [*OFFERS["openai"]["tools"], {"type": "function", "function": {"name": "take"}}]
    assert [tool.name for tool in read({"tools": tools, "tool_choice": choice}).tools] == names


def test_limits_are_read_in_both_spellings() -> None:
    assert read({"max_tokens": 3}).max_tokens == 3
    assert read({"max_tokens": 3, "max_completion_tokens": 4}).max_tokens == 4


def test_a_request_without_messages_is_a_problem() -> None:
    assert "messages" in read({"model": "m"}).problem


def test_a_fault_may_bring_its_own_code() -> None:
    body: Any = json.decode(
        OPENAI.error(Fault(403, "no", "insufficient_quota", "insufficient_quota"))
    )
    assert body["error"]["code"] == "insufficient_quota"
    assert json.decode(OPENAI.error(Fault(500, "no")))["error"]["type"] == "server_error"
