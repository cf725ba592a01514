from __future__ import annotations

import json

from headgate.dialects.openai_responses.usage import (
    decode_usage,
    encode_tool_usage,
    encode_usage,
    usage_in,
    usage_in_event,
)
from headgate.ir.usage import Usage

WIRE = {
    "input_tokens": 30,
    "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 5},
    "output_tokens": 17,
    "output_tokens_details": {"reasoning_tokens": 12},
    "total_tokens": 47,
}
USAGE = Usage(input=15, cache_read=10, cache_write=5, output=17, reasoning=12)


def test_counts_are_taken_apart_and_joined_again() -> None:
    assert decode_usage(WIRE) == USAGE
    assert encode_usage(USAGE) == WIRE


def test_lies_become_sane_counts() -> None:
    wire = {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 99},
        "output_tokens": -9,
        "output_tokens_details": {"reasoning_tokens": 3},
    }
    assert decode_usage(wire) == Usage(cache_read=5)


def test_no_count_is_no_usage() -> None:
    assert decode_usage({"total_tokens": 5}) is None
    assert usage_in(b'{"usage":null,"output":[]}') is None
    assert usage_in(b"<html>") is None


def test_searches_are_counted_as_told() -> None:
    body = {"usage": WIRE, "tool_usage": {"web_search": {"num_requests": 2}}, "output": []}
    found = usage_in(json.dumps(body).encode())
    assert found is not None
    assert found.web_searches == 2


def test_or_else_by_the_items_that_are_searches() -> None:
    output = [
        {"type": "web_search_call", "action": {"type": "search"}},
        {"type": "web_search_call", "action": {"type": "open_page"}},
        {"type": "message"},
    ]
    found = usage_in(json.dumps({"usage": WIRE, "output": output}).encode())
    assert found is not None
    assert found.web_searches == 1


def test_searches_are_told_to_callers() -> None:
    told = encode_tool_usage(Usage(web_searches=3))
    assert told is not None
    assert told["web_search"] == {"num_requests": 3}
    assert encode_tool_usage(USAGE) is None


def test_usage_is_read_even_if_other_fields_are_strange() -> None:
    assert usage_in(json.dumps({"usage": WIRE, "output": "?"}).encode()) == USAGE


def test_the_last_event_has_the_usage() -> None:
    event = {"type": "response.completed", "response": {"usage": WIRE, "output": []}}
    assert usage_in_event(json.dumps(event).encode()) == USAGE
    assert usage_in_event(b'{"type":"response.created"}') is None
