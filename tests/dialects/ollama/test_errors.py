from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind
from headgate.base.frames import Frame
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.ollama.errors import decode_error, failure_of, inspect_first, inspect_reply

K = FailureKind


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"error": "model 'x' not found"}, UpstreamError(message="model 'x' not found")),
        (
            {"error": "unauthorized", "status_code": 401},
            UpstreamError(message="unauthorized", status=401),
        ),
        (
            {"error": {"message": "m", "type": "api_error", "code": None}},
            UpstreamError(message="m", kind="api_error"),
        ),
        ({"message": {"role": "assistant", "content": ""}}, None),
        ({"error": ""}, None),
        ({}, None),
    ],
)
def test_an_error_object_is_read(body: dict[str, Any], error: UpstreamError | None) -> None:
    assert decode_error(body) == error


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("prompt too long; exceeded max context length by 5 tokens", K.CONTEXT_TOO_LONG),
        ("unauthorized", K.UPSTREAM_KEY_REFUSED),
        ("you have reached your hourly usage limit", K.UPSTREAM_QUOTA),
        ("too many requests", K.UPSTREAM_RATE_LIMITED),
        ("model 'x' not found", K.UPSTREAM_NOT_FOUND),
        ("server busy, please try again", K.UPSTREAM_OVERLOADED),
        ("", K.UPSTREAM_ERROR),
    ],
)
def test_an_error_inside_a_200_is_judged_by_its_words(message: str, kind: FailureKind) -> None:
    failure = failure_of(UpstreamError(message=message))
    assert failure.kind is kind
    assert failure.message


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"", K.UPSTREAM_BAD_REPLY),
        (b"<html>", K.UPSTREAM_BAD_REPLY),
        (b"{}", K.UPSTREAM_BAD_REPLY),
        (b'{"error":"server busy"}', K.UPSTREAM_OVERLOADED),
        (b'{"message":{},"done":true,"done_reason":"load"}', K.UPSTREAM_BAD_REPLY),
    ],
)
def test_what_begins_no_answer_is_a_failure(line: bytes, kind: FailureKind) -> None:
    for failure in (inspect_first(Frame(line)), inspect_reply(line)):
        assert failure is not None
        assert failure.kind is kind


@pytest.mark.parametrize(
    "line",
    [
        {"message": {"role": "assistant", "content": ""}, "done": False},
        {"message": {"role": "assistant", "content": "x"}, "done": True, "done_reason": "stop"},
        {"done": True, "done_reason": "stop"},
    ],
)
def test_a_line_of_an_answer_begins_one(line: dict[str, Any]) -> None:
    data = msgspec.json.encode(line)
    assert inspect_first(Frame(data)) is None
    assert inspect_reply(data) is None
    assert inspect_reply(data + b"\n" + data) is None
