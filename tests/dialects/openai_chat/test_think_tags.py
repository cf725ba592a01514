"""Thinking between tags, wherever a stream cuts them."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.frames import Frame
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.dialects.openai_chat.think_tags import ThinkTags, split
from headgate.ir.collect import collect
from headgate.ir.events import PartDelta
from headgate.ir.request import Part, Text, Thinking, ToolCall


def told(*texts: str) -> tuple[str, str]:
    """Feed text in pieces; give the thoughts and the answer."""
    tags = ThinkTags()
    pieces: list[tuple[bool, str]] = []
    for text in texts:
        pieces += [(False, text)] if tags.is_done else tags.feed(text)
    pieces += tags.end()
    return (
        "".join(text for is_thought, text in pieces if is_thought),
        "".join(text for is_thought, text in pieces if not is_thought),
    )


CASES = [
    ("<think>\nHm.\n</think>\n\nYes.", "Hm.\n", "Yes."),
    ("\n <think>Hm</think>Yes", "Hm", "Yes"),
    ("<think>\n\n</think>\n\nYes.", "", "Yes."),  # Qwen, told not to think
    ("<think>Hm, and the limit came", "Hm, and the limit came", ""),
    ("<think>Hm</think>", "Hm", ""),
    ("<think>", "", ""),
    ("<think>a < b </thin </think>c", "a < b </thin ", "c"),
    ("<think>a</think>b<think>c</think>", "a", "b<think>c</think>"),
    ("Yes <think>no</think>", "", "Yes <think>no</think>"),
    ("<thinking>no</thinking>", "", "<thinking>no</thinking>"),
    ("<", "", "<"),
    ("<thi", "", "<thi"),
    ("", "", ""),
    ("  plain", "", "  plain"),
    (" " * 40, "", " " * 40),
    ("</think>x", "", "</think>x"),
]


@pytest.mark.parametrize(("text", "thought", "answer"), CASES)
def test_only_what_begins_with_the_tag_holds_thinking(text: str, thought: str, answer: str) -> None:
    assert told(text) == (thought, answer)
    assert told(*text) == (thought, answer)  # a character at a time
    for cut in range(len(text)):
        assert told(text[:cut], text[cut:]) == (thought, answer)


TAGS = ["<think>", "</think>", "<", "think>", "\n", " ", " " * 9, "a"]
WANTED = re.compile(r"\s{0,16}<think>\s*(.*?)(?:</think>\s*(.*))?", re.DOTALL)


@given(st.lists(st.sampled_from(TAGS), max_size=9))
def test_where_a_text_is_cut_makes_no_difference(pieces: list[str]) -> None:
    whole = "".join(pieces)
    found = WANTED.fullmatch(whole)
    wanted = (found[1], found[2] or "") if found else ("", whole)
    assert told(whole) == told(*pieces) == told(*whole) == wanted


def test_a_text_is_split_whole() -> None:
    assert split("<think>a</think>b") == [(True, "a"), (False, "b")]


# ------------------------------------------------------------------- inside the decoders


def whole(message: dict[str, Any]) -> tuple[Part, ...]:
    body = {"choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
    return OPENAI_CHAT.decode_reply(msgspec.json.encode(body)).choices[0].parts


def streamed(*deltas: dict[str, Any], logprobs: bool = False) -> list[Any]:
    decoder, events = OPENAI_CHAT.stream_decoder(), []
    for number, delta in enumerate(deltas):
        choice: dict[str, Any] = {"index": 0, "delta": delta}
        if logprobs:
            choice["logprobs"] = {"content": [{"token": str(number), "logprob": -1.0}]}
        chunk = {"id": "c", "choices": [choice]}
        events += decoder.feed(Frame(msgspec.json.encode(chunk)))
    end = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return [*events, *decoder.feed(Frame(msgspec.json.encode(end))), *decoder.end()]


def parts_of(*deltas: dict[str, Any]) -> tuple[Part, ...]:
    return collect(streamed(*deltas)).choices[0].parts


def test_thinking_comes_out_whole_and_streamed() -> None:
    found = (Thinking(text="Hm."), Text(text="Yes."))
    assert whole({"content": "<think>Hm.</think>\n\nYes."}) == found
    pieces = ("<thi", "nk>", "Hm", ".</", "think>", "\n\n", "Yes", ".")
    assert parts_of(*({"content": piece} for piece in pieces)) == found


def test_what_is_told_apart_already_is_not_looked_into() -> None:
    message = {"reasoning_content": "Hm.", "content": "<think>x</think>y"}
    found = (Thinking(text="Hm."), Text(text="<think>x</think>y"))
    assert whole(message) == found
    assert parts_of({"reasoning_content": "Hm."}, {"content": "<think>x</think>y"}) == found


def test_a_call_in_the_midst_of_thinking_ends_it() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    thought, made = parts_of({"content": "<think>I call </"}, {"tool_calls": [call]})
    assert thought == Thinking(text="I call </")
    assert isinstance(made, ToolCall)
    assert parts_of({"content": "<th"}, {"tool_calls": [call]})[0] == Text(text="<th")


def test_a_refusal_keeps_its_place_behind_text_that_was_held() -> None:
    text, refusal = parts_of({"content": "<"}, {"refusal": "no"})
    assert (text, refusal.text) == (Text(text="<"), "no")  # type: ignore[union-attr]


@pytest.mark.parametrize("texts", [("<", "div>"), ("<", "th", "x"), ("<",), (" ", "<think>", "a")])
def test_logprobs_of_what_was_held_back_are_not_lost(texts: tuple[str, ...]) -> None:
    events = streamed(*({"content": text} for text in texts), logprobs=True)
    tokens = [
        entry["token"]
        for event in events
        if isinstance(event, PartDelta) and event.logprobs is not None
        for entry in event.logprobs["content"]
    ]
    assert tokens == [str(number) for number in range(len(texts))]


def test_passing_through_changes_nothing() -> None:
    body = b'{"choices":[{"message":{"content":"<think>a</think>b"}}]}'
    assert OPENAI_CHAT.inspect_reply(body) is None
    meter = OPENAI_CHAT.meter(True)
    frame = Frame(b'{"choices":[{"index":0,"delta":{"content":"<think>"}}]}')
    assert meter.feed(frame)
