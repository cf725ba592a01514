"""Errors, both ways, and those inside a 200."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headgate.base.failure import Failure, FailureKind
from headgate.base.frames import Frame
from headgate.dialects.anthropic import ANTHROPIC
from headgate.dialects.anthropic.errors import KINDS, TYPES, failure_of
from headgate.dialects.dialect import UpstreamError

K = FailureKind


def wire(kind: str, message: str = "m") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (wire("overloaded_error"), UpstreamError(message="m", kind="overloaded_error")),
        (
            {"error": {"message": "m", "type": "t", "code": "c", "param": "p"}},
            UpstreamError(message="m", kind="t", code="c", param="p"),
        ),
        (
            {"error": {"code": 502, "message": "m"}},
            UpstreamError(message="m", code="502", status=502),
        ),
        (
            {"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}},
            UpstreamError(message="m", kind="INVALID_ARGUMENT", code="400", status=400),
        ),
        ({"error": "m"}, UpstreamError(message="m")),
        ({"type": "error", "message": "m"}, UpstreamError(message="m")),
        ({"type": "message", "content": []}, None),
        ({"error": None, "content": []}, None),
    ],
)
def test_error_objects_are_recognised(body: dict[str, Any], error: UpstreamError | None) -> None:
    assert ANTHROPIC.decode_error(body) == error


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("rate_limit_error", "m", K.UPSTREAM_RATE_LIMITED),
        ("overloaded_error", "m", K.UPSTREAM_OVERLOADED),
        ("authentication_error", "m", K.UPSTREAM_KEY_REFUSED),
        ("request_too_large", "m", K.REQUEST_TOO_LARGE),
        ("api_error", "m", K.UPSTREAM_ERROR),
        ("", "m", K.UPSTREAM_ERROR),
        ("invalid_request_error", "m", K.INVALID_REQUEST),
        (
            "invalid_request_error",
            "Your credit balance is too low to access the API.",
            K.UPSTREAM_QUOTA,
        ),
        (
            "invalid_request_error",
            "You have reached your specified API usage limits.",
            K.UPSTREAM_QUOTA,
        ),
        (
            "invalid_request_error",
            "prompt is too long: 210000 tokens > 200000 maximum",
            K.CONTEXT_TOO_LONG,
        ),
        (
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit",
            K.CONTEXT_TOO_LONG,
        ),
        (
            "invalid_request_error",
            "Output blocked by content filtering policy",
            K.CONTENT_REFUSED,
        ),
    ],
)
def test_errors_without_a_status_are_judged(kind: str, message: str, expected: K) -> None:
    assert failure_of(UpstreamError(kind=kind, message=message)).kind is expected


def test_a_status_inside_the_error_is_judged_where_there_is_no_type() -> None:
    assert failure_of(UpstreamError(message="m", status=429)).kind is K.UPSTREAM_RATE_LIMITED


def test_keys_are_masked_and_silence_gets_words() -> None:
    said = failure_of(UpstreamError(message="bad key sk-ant-REDACTED")).message
    assert "abcdefgh" not in said
    assert failure_of(UpstreamError()).message


def test_a_failure_is_spelled_as_the_vendor_does() -> None:
    failure = Failure(kind=K.RATE_LIMITED, message="slow down")
    assert ANTHROPIC.encode_error(failure, "req_1") == {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "slow down"},
        "request_id": "req_1",
    }
    assert "request_id" not in ANTHROPIC.encode_error(failure, "")


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_failure_has_a_type_that_the_vendor_knows(kind: FailureKind) -> None:
    body = ANTHROPIC.encode_error(Failure(kind=kind, message="m"), "r")
    assert body["error"]["type"] in {*KINDS, "api_error"}


def test_types_read_as_upstream_failures_are_written_back_the_same() -> None:
    assert {kind: TYPES[meaning] for kind, meaning in KINDS.items()} == {k: k for k in KINDS}


def test_the_error_event_is_one_frame() -> None:
    event = ANTHROPIC.encode_error_event(Failure(kind=K.UPSTREAM_OVERLOADED, message="ü"), "r")
    frames = ANTHROPIC.frame_decoder().feed(event)
    assert [frame.event for frame in frames] == ["error"]
    assert json.loads(frames[0].data)["error"] == {"type": "overloaded_error", "message": "ü"}


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (Frame(b'{"type":"message_start","message":{}}', "message_start"), None),
        (Frame(b'{"type": "ping"}', "ping"), None),
        (Frame(b'{"type":"something_new"}'), None),
        (Frame(json.dumps(wire("overloaded_error")).encode()), K.UPSTREAM_OVERLOADED),
        (Frame(b'{"message":"m"}', "error"), K.UPSTREAM_ERROR),
        (Frame(b'{"error":{"type":"rate_limit_error"}}'), K.UPSTREAM_RATE_LIMITED),
        (Frame(b"[DONE]"), K.UPSTREAM_BAD_REPLY),
        (Frame(b'{"type":"message_stop"}'), K.UPSTREAM_BAD_REPLY),
        (Frame(b"<html>"), K.UPSTREAM_BAD_REPLY),
        (Frame(b'{"choices":[]}'), K.UPSTREAM_BAD_REPLY),
    ],
)
def test_a_first_frame_is_judged(frame: Frame, kind: FailureKind | None) -> None:
    failure = ANTHROPIC.inspect_first(frame)
    assert (failure and failure.kind) == kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"content":[{"type":"text","text":"a"}]}', None),
        (b'{"content":[],"stop_reason":"end_turn"}', None),
        (b'{"content":[],"stop_reason":null}', K.UPSTREAM_BAD_REPLY),
        (b'{"id":"x"}', K.UPSTREAM_BAD_REPLY),
        (b"<html>", K.UPSTREAM_BAD_REPLY),
        (b"[]", K.UPSTREAM_BAD_REPLY),
        (b"", K.UPSTREAM_BAD_REPLY),
        (json.dumps(wire("rate_limit_error")).encode(), K.UPSTREAM_RATE_LIMITED),
    ],
)
def test_a_whole_body_is_judged(body: bytes, kind: FailureKind | None) -> None:
    failure = ANTHROPIC.inspect_reply(body)
    assert (failure and failure.kind) == kind
