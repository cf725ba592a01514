from __future__ import annotations

from typing import Any

import pytest

from headgate.base.failure import Failure, FailureKind
from headgate.base.frames import Frame
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.openai_chat.errors import (
    decode_error,
    encode_error_event,
    failure_of,
    inspect_first,
    inspect_reply,
)

K = FailureKind


@pytest.mark.parametrize(
    ("vendor", "body", "error"),
    [
        (
            "openai",
            {"error": {"message": "m", "type": "t", "code": "c", "param": "p"}},
            UpstreamError(message="m", kind="t", code="c", param="p"),
        ),
        (
            "openrouter",
            {"error": {"code": 502, "message": "m", "metadata": {"raw": "r"}}, "user_id": "u"},
            UpstreamError(message="m", code="502", status=502),
        ),
        (
            "openrouter without a message",
            {"error": {"code": 429, "metadata": {"raw": "busy"}}},
            UpstreamError(message="busy", code="429", status=429),
        ),
        (
            "azure's filter",
            {"error": {"message": "m", "code": "x", "innererror": {"code": "ResponsibleAI"}}},
            UpstreamError(message="m", code="ResponsibleAI"),
        ),
        (
            "gemini's openai path",
            {"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}},
            UpstreamError(message="m", kind="INVALID_ARGUMENT", code="400", status=400),
        ),
        (
            "groq in a stream",
            {"error": {"message": "m", "code": "tool_use_failed", "status_code": 400}},
            UpstreamError(message="m", code="tool_use_failed", status=400),
        ),
        ("xai", {"code": "invalid", "error": "m"}, UpstreamError(message="m", code="invalid")),
        (
            "tgi",
            {"error": "m", "error_type": "template_error"},
            UpstreamError(message="m", kind="template_error"),
        ),
        ("mistral's keys", {"detail": "m"}, UpstreamError(message="m")),
        ("tavily", {"detail": {"error": "m"}}, UpstreamError(message="m")),
        (
            "fastapi",
            {"detail": [{"loc": ["body", "messages"], "msg": "Field required"}, "x"]},
            UpstreamError(message="body.messages: Field required; x"),
        ),
        (
            "nvidia",
            {"title": "t", "detail": "m", "status": 402},
            UpstreamError(message="m", status=402),
        ),
        (
            "mistral",
            {"object": "error", "message": "m", "code": "1500", "raw_status_code": 400},
            UpstreamError(message="m", code="1500", status=400),
        ),
        (
            "cerebras",
            {"message": "m", "type": "t", "param": "p", "code": "wrong_api_key"},
            UpstreamError(message="m", kind="t", param="p", code="wrong_api_key"),
        ),
        (
            "iflytek",
            {"code": 10013, "message": "m", "sid": "s"},
            UpstreamError(message="m", code="10013"),
        ),
        (
            "minimax",
            {"base_resp": {"status_code": 1008, "status_msg": "m"}, "choices": None},
            UpstreamError(message="m", code="1008"),
        ),
        (
            "databricks",
            {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "m"},
            UpstreamError(message="m", code="REQUEST_LIMIT_EXCEEDED"),
        ),
        (
            "cloudflare",
            {"errors": [{"code": 3040, "message": "m"}], "success": False},
            UpstreamError(message="m", code="3040"),
        ),
        (
            "codex",
            {"error": {"type": "usage_limit_reached", "message": "m", "resets_in_seconds": 30}},
            UpstreamError(message="m", kind="usage_limit_reached", retry_after_s=30),
        ),
    ],
)
def test_every_vendors_error_is_read(
    vendor: str, body: dict[str, Any], error: UpstreamError
) -> None:
    assert decode_error(body) == error, vendor


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"error": None},
        {"error": {}},
        {"choices": [{}], "message": "hello", "code": 1},
        {"code": 0, "message": "Success", "sid": "s"},
        {"choices": [{}], "base_resp": {"status_code": 0, "status_msg": ""}},
        {"data": []},
    ],
)
def test_what_is_no_error_is_not_taken_for_one(body: dict[str, Any]) -> None:
    assert decode_error(body) is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 429, "message": "busy"}, K.UPSTREAM_RATE_LIMITED),
        ({"message": "Rate limit reached for requests"}, K.UPSTREAM_RATE_LIMITED),
        ({"code": "insufficient_quota", "message": "m"}, K.UPSTREAM_QUOTA),
        ({"code": 402, "message": "m"}, K.UPSTREAM_QUOTA),
        ({"code": "invalid_api_key", "message": "m"}, K.UPSTREAM_KEY_REFUSED),
        ({"code": 401, "message": "m"}, K.UPSTREAM_KEY_REFUSED),
        ({"message": "The engine is overloaded"}, K.UPSTREAM_OVERLOADED),
        ({"code": 503, "message": "m"}, K.UPSTREAM_OVERLOADED),
        ({"code": "context_length_exceeded", "message": "m"}, K.CONTEXT_TOO_LONG),
        ({"code": "content_filter", "message": "m", "status": 400}, K.CONTENT_REFUSED),
        ({"code": 400, "message": "m"}, K.INVALID_REQUEST),
        ({"code": 502, "message": "m"}, K.UPSTREAM_ERROR),
        ({"message": "m"}, K.UPSTREAM_ERROR),
    ],
)
def test_an_error_inside_a_200_is_classified_by_its_words(
    error: dict[str, Any], kind: FailureKind
) -> None:
    found = decode_error({"error": error})
    assert found is not None
    assert failure_of(found).kind is kind


def first(data: bytes, event: str = "") -> FailureKind | None:
    failure = inspect_first(Frame(data, event))
    return None if failure is None else failure.kind


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}',
        b'{"choices":[],"id":"","prompt_filter_results":[]}',
        b'{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}',
        b'{"choices":[{"delta":{},"finish_reason":"length"}]}',
        b'{"choices":[{"delta":{},"finish_reason":"content_filter"}]}',
        b'{"choices":[{"delta":{},"finish_reason":"null"}]}',
        b'{"choices":[{"delta":{"tool_calls":[{"id":"c"}]},"finish_reason":"tool_calls"}]}',
        b'{"code":0,"message":"Success","choices":[{"delta":{"content":"a"}}]}',
    ],
)
def test_a_stream_may_begin_like_this(data: bytes) -> None:
    assert first(data) is None


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"[DONE]", K.UPSTREAM_BAD_REPLY),
        (b"hello", K.UPSTREAM_BAD_REPLY),
        (b"<html>", K.UPSTREAM_BAD_REPLY),
        (b'{"choices":[{"delta":{},"finish_reason":"stop"}]}', K.UPSTREAM_BAD_REPLY),
        (b'{"choices":[{"delta":{},"finish_reason":"network_error"}]}', K.UPSTREAM_OVERLOADED),
        (b'{"error":{"message":"m","code":429}}', K.UPSTREAM_RATE_LIMITED),
        (b'{"code":10013,"message":"m","sid":"s"}', K.UPSTREAM_ERROR),
        (b'{"choices":[{"delta":{}}],"error":{"message":"m","code":502}}', K.UPSTREAM_ERROR),
    ],
)
def test_a_first_frame_that_begins_no_answer_can_still_be_retried(
    data: bytes, kind: FailureKind
) -> None:
    assert first(data) is kind


def test_an_error_event_is_an_error_whatever_it_holds() -> None:
    assert first(b"{}", "error") is K.UPSTREAM_BAD_REPLY
    assert first(b'{"message":"overloaded"}', "error") is K.UPSTREAM_OVERLOADED


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}', None),
        (b'{"choices":[{"message":{"content":null,"tool_calls":[{}]}}]}', None),
        (b'{"choices":[{"message":{"content":"","reasoning_content":"a"}}]}', None),
        (b'{"choices":[{"message":{"content":""},"finish_reason":"length"}]}', None),
        (b'{"choices":[{"finish_reason":"content_filter"}]}', None),
        (b'{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}', K.UPSTREAM_BAD_REPLY),
        (
            b'{"choices":[{"message":{"content":""},"finish_reason":"abort"}]}',
            K.UPSTREAM_OVERLOADED,
        ),
        (b'{"choices":[]}', K.UPSTREAM_BAD_REPLY),
        (b'{"choices":null}', K.UPSTREAM_BAD_REPLY),
        (b"{}", K.UPSTREAM_BAD_REPLY),
        (b"[]", K.UPSTREAM_BAD_REPLY),
        (b"", K.UPSTREAM_BAD_REPLY),
        (b"\n<!doctype html>", K.UPSTREAM_BAD_REPLY),
        (b'{"choices":"x"}', K.UPSTREAM_BAD_REPLY),
        (b'{"choices":' + b"[" * 5000 + b"]" * 5000 + b"}", K.UPSTREAM_BAD_REPLY),
        (b'{"error":"Model too busy, overloaded"}', K.UPSTREAM_OVERLOADED),
        (
            b'{"choices":null,"base_resp":{"status_code":1008,"status_msg":"overdue"}}',
            K.UPSTREAM_QUOTA,
        ),
    ],
)
def test_a_body_is_looked_at_before_it_counts_as_an_answer(
    body: bytes, kind: FailureKind | None
) -> None:
    failure = inspect_reply(body)
    assert (None if failure is None else failure.kind) is kind


def test_in_a_stream_the_error_is_the_last_chunk() -> None:
    event = encode_error_event(Failure(kind=K.UPSTREAM_INTERRUPTED, message="m"), "")
    assert event.startswith(b'data: {"error":{')
    assert event.endswith(b"}}\n\n")
    assert b"request_id" not in event
