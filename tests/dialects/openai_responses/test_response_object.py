from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from headgate.dialects.dialect import ReplyContext
from headgate.dialects.openai_responses.response_object import ResponseObject, shown_id
from headgate.ir.usage import Usage

REQUIRED = {
    *("id", "object", "created_at", "status", "error", "incomplete_details", "instructions"),
    *("max_output_tokens", "model", "output", "parallel_tool_calls", "previous_response_id"),
    *("reasoning", "store", "temperature", "text", "tool_choice", "tools", "top_p"),
    *("truncation", "usage", "user", "metadata", "service_tier"),
}


def made(**asked: Any) -> ResponseObject:
    fields = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in asked.items()}
    return ResponseObject(
        ReplyContext(model="m", reply_id="r", created=7, fields=fields), "", "", 0
    )


def test_every_field_is_there_from_the_beginning() -> None:
    begun = json.loads(made().begun())
    assert begun.keys() >= REQUIRED
    assert begun["status"] == "in_progress"
    assert (begun["id"], begun["model"], begun["created_at"]) == ("resp_r", "m", 7)


def test_the_request_is_repeated() -> None:
    tools = [{"type": "function", "name": "f"}]
    begun = json.loads(made(tools=tools, temperature=0.5, store=False, user=None).begun())
    assert begun["tools"] == tools
    assert begun["temperature"] == 0.5
    assert begun["store"] is False
    assert begun["user"] is None


def test_the_form_of_the_text_is_never_missing() -> None:
    assert json.loads(made(text={"verbosity": "low"}).begun())["text"] == {
        "verbosity": "low",
        "format": {"type": "text"},
    }
    assert json.loads(made(text="?").begun())["text"] == {"format": {"type": "text"}}


def test_the_end_tells_what_is_new() -> None:
    ended = json.loads(
        made().ended(
            "incomplete",
            b'[{"id":"x"}]',
            usage=Usage(input=1, output=2, web_searches=1),
            service_tier="flex",
            incomplete="max_output_tokens",
            extras={"content_filters": [], "status": "ours counts"},
        )
    )
    assert ended.keys() >= REQUIRED
    assert ended["status"] == "incomplete"
    assert ended["output"] == [{"id": "x"}]
    assert ended["usage"]["total_tokens"] == 3
    assert ended["tool_usage"]["web_search"] == {"num_requests": 1}
    assert ended["incomplete_details"] == {"reason": "max_output_tokens"}
    assert ended["service_tier"] == "flex"
    assert ended["content_filters"] == []


@pytest.mark.parametrize(
    ("upstreams", "ours", "shown"),
    [
        ("resp_1", "r", "resp_1"),
        ("chatcmpl-1", "r-2", "resp_r-2"),
        ("", "resp_3", "resp_3"),
        ("", "a b/c", "resp_abc"),
    ],
)
def test_ids_begin_as_the_vendors_do(upstreams: str, ours: str, shown: str) -> None:
    assert shown_id(upstreams, ours) == shown
