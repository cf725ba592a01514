from __future__ import annotations

from typing import Any

import pytest

from headgate.dialects.ollama.reply import (
    decode_call,
    decode_created,
    decode_finish,
    decode_logprobs,
    decode_usage,
    extras_of,
    leftovers,
)
from headgate.ir.request import ToolCall
from headgate.ir.usage import Usage

WIRE = {"function": {"name": "f", "arguments": {"a": 1}}}


def test_a_call_is_read_with_its_id() -> None:
    call = decode_call({"id": "c1", **WIRE}, "x")
    assert call == ToolCall(call_id="c1", name="f", arguments='{"a":1}')


def test_a_call_without_an_id_gets_always_the_same_one() -> None:
    first = decode_call(WIRE, "2026-01-01T00:00:00Z|0")
    assert first == decode_call(WIRE, "2026-01-01T00:00:00Z|0")
    assert first.call_id.startswith("call_")
    others = [decode_call(WIRE, "2026-01-01T00:00:00Z|1"), decode_call(WIRE, "later|0")]
    assert len({first.call_id, *(call.call_id for call in others)}) == 3


@pytest.mark.parametrize(
    ("arguments", "read"), [(None, "{}"), ('{"a":1}', '{"a":1}'), ({"ä": []}, '{"ä":[]}')]
)
def test_arguments_become_json_text(arguments: Any, read: str) -> None:
    assert decode_call({"function": {"name": "f", "arguments": arguments}}, "").arguments == read


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01T00:00:00Z", 1767225600),
        ("2025-06-09T18:55:26.684517Z", 1749495326),
        ("2025-06-09T20:55:26.684517123+02:00", 1749495326),
        ("1970-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00Z", 0),
        ("now", 0),
        (None, 0),
    ],
)
def test_the_time_is_read(text: Any, seconds: int) -> None:
    assert decode_created({"created_at": text}) == seconds


@pytest.mark.parametrize(
    ("done_reason", "has_calls", "reason"),
    [
        ("stop", False, "stop"),
        ("stop", True, "tool_calls"),
        ("", True, "tool_calls"),
        ("length", True, "length"),
        ("custom", False, "stop"),
    ],
)
def test_finish_reasons_are_read(done_reason: str, has_calls: bool, reason: str) -> None:
    finish = decode_finish(done_reason, has_calls)
    assert (finish.reason, finish.raw_reason) == (reason, done_reason)


@pytest.mark.parametrize(
    ("wire", "usage"),
    [
        ({}, None),
        ({"prompt_eval_count": 31, "eval_count": 51}, Usage(input=31, output=51)),
        ({"eval_count": 51}, Usage(output=51)),
        ({"prompt_eval_count": -1, "eval_count": None}, Usage()),
    ],
)
def test_counts_are_read(wire: dict[str, Any], usage: Usage | None) -> None:
    assert decode_usage(wire) == usage


def test_log_probabilities_are_openais() -> None:
    entry = {"token": "x", "logprob": -0.5, "bytes": [120], "top_logprobs": []}
    assert decode_logprobs({"logprobs": [entry]}) == {"content": [entry], "refusal": None}
    assert decode_logprobs({"logprobs": None}) is None


def test_what_has_no_word_is_kept_and_measurements_are_not() -> None:
    message = {"role": "assistant", "content": "x", "odd": 1, "none": None}
    wire = {"message": message, "total_duration": 5, "done": True, "remote_host": "h", "no": ""}
    assert leftovers(wire) == {"remote_host": "h", "message.odd": 1}
    assert extras_of({}) == {}
    assert extras_of({"a": 1}) == {"ollama": {"a": 1}}
