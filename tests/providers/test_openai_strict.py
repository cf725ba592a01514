from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.ir.loss import Losses
from headgate.providers.openai_strict import without_strangers

LONG = "toolu_" + "x" * 60
CALL = {"id": LONG, "type": "function", "function": {"name": "f", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": LONG, "content": "ok"}


def sent(body: dict[str, Any], *, raw: bool = True) -> tuple[Any, list[str]]:
    """Give what goes to OpenAI, and the names of the losses."""
    if raw:
        body = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in body.items()}
    losses = Losses("openai_chat")
    done = without_strangers(body, "gpt-4o", "gpt-4o", losses)
    return msgspec.json.decode(msgspec.json.encode(done)), [loss.field for loss in losses]


def test_fields_that_openai_does_not_know_are_dropped_and_named() -> None:
    assert sent({"top_k": 5, "min_p": 0.1, "top_p": 0.5}) == ({"top_p": 0.5}, ["top_k", "min_p"])


@pytest.mark.parametrize("raw", [False, True])
def test_thoughts_of_others_are_dropped_and_named(raw: bool) -> None:
    said = {"role": "assistant", "content": "Hi"}
    thought = said | {"reasoning_content": "hm", "reasoning_details": [{"type": "x"}]}
    body = {"messages": [{"role": "user", "content": "Hi"}, thought]}
    assert sent(body, raw=raw) == (
        {"messages": [body["messages"][0], said]},
        ["messages[1].reasoning_content", "messages[1].reasoning_details"],
    )
    empty: dict[str, Any] = {
        "messages": [said | {"reasoning_content": None, "reasoning_details": []}]
    }
    assert sent(empty, raw=raw) == ({"messages": [said]}, [])


@pytest.mark.parametrize("raw", [False, True])
def test_long_ids_are_shortened_alike_in_calls_and_results(raw: bool) -> None:
    short = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [{"role": "assistant", "tool_calls": [CALL, short]}, RESULT]
    body, lost = sent({"messages": turns}, raw=raw)
    first, second = body["messages"][0]["tool_calls"]
    assert len(first["id"]) <= 40
    assert first["id"] == body["messages"][1]["tool_call_id"]
    assert second == short
    assert lost == []
    again, _ = sent({"messages": turns}, raw=raw)
    assert again == body  # or no cache of prompts would hit


def test_different_ids_stay_different() -> None:
    turns = [RESULT, RESULT | {"tool_call_id": LONG + "y"}]
    first, second = sent({"messages": turns})[0]["messages"]
    assert first["tool_call_id"] != second["tool_call_id"]


@pytest.mark.parametrize(
    "messages",
    [
        b'[ {"role":"user", "content":"reasoning, tool_calls and \\n all"} ]',
        b'[{"role":"assistant","tool_calls":[{"id" : "call_1"}]},{"tool_call_id":"call_1"}]',
        b'[{"tool_calls":[{"id":"%b"}]},{"tool_call_id":"%b"}]' % (b"x" * 40, b"x" * 40),
        b'"x"',
        b"[1,null]",
        b'[{"tool_call_id":null,"id":5}]',
        b'[{"content":"caf\\u00e9 \\u0061"}]',
    ],
)
def test_what_openai_takes_is_not_touched(messages: bytes) -> None:
    raw = msgspec.Raw(messages)
    body = {"messages": raw, "n": msgspec.Raw(b"1")}
    losses = Losses("openai_chat")
    done = without_strangers(body, "m", "m", losses)
    assert done["messages"] is raw
    assert not losses


def test_41_characters_are_too_many_and_white_space_does_not_hide_them() -> None:
    for space in (b"  \n ", b" " * 100):
        named = b'"tool_call_id" :%b"%b"' % (space, b"x" * 41)
        body = {"messages": msgspec.Raw(b"[{%b}]" % named)}
        done = without_strangers(body, "m", "m", Losses("x"))
        assert len(done["messages"][0]["tool_call_id"]) <= 40


@given(st.lists(st.text(max_size=60), max_size=4))
def test_the_look_at_the_bytes_misses_no_long_id(ids: list[str]) -> None:
    turns: list[Any] = [{"tool_calls": [{"id": name}]} for name in ids]
    turns += [{"tool_call_id": name} for name in ids]
    body, _ = sent({"messages": turns})
    found = [turn["tool_call_id"] for turn in body["messages"][len(ids) :]]
    assert all(len(name) <= 40 for name in found)
    calls = [turn["tool_calls"][0]["id"] for turn in body["messages"][: len(ids)]]
    assert found == calls
    assert [a == b for a, b in zip(found, ids, strict=True)] == [len(name) <= 40 for name in ids]
