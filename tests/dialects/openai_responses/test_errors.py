from __future__ import annotations

import json
from typing import Any

import pytest

from headgate.base.failure import Failure, FailureKind
from headgate.base.frames import Frame
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.openai_responses.errors import (
    decode_error,
    encode_error_event,
    error_event,
    failed_error,
    failure_of,
    inspect_first,
    inspect_reply,
)

K = FailureKind


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            {"error": {"message": "m", "type": "t", "param": "p", "code": "c"}},
            UpstreamError(message="m", kind="t", param="p", code="c"),
        ),
        (
            {"code": "invalid-argument", "error": "m"},
            UpstreamError(message="m", code="invalid-argument"),
        ),
        ({"detail": "m"}, UpstreamError(message="m")),
        ({"detail": [{"msg": "a"}, {"msg": "b"}]}, UpstreamError(message="a; b")),
        (
            {"type": "error", "code": "c", "message": "m", "param": None},
            UpstreamError(message="m", code="c"),
        ),
        (
            {"type": "response.failed", "response": {"error": {"code": "c", "message": "m"}}},
            UpstreamError(message="m", code="c"),
        ),
        (
            {"error": {"message": "Try again in 1m20s", "code": 429}},
            UpstreamError(message="Try again in 1m20s", code="429", status=429, retry_after_s=80.0),
        ),
        (
            {"error": {"message": "m", "code": "x", "innererror": {"code": "Filtered"}}},
            UpstreamError(message="m", code="Filtered"),
        ),
        ({"error": None, "output": []}, None),
        ({"type": "response.created", "response": {"error": None}}, None),
        ({}, None),
    ],
)
def test_errors_are_read_in_every_shape(body: Any, error: UpstreamError | None) -> None:
    assert decode_error(body) == error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("rate_limit_exceeded", K.UPSTREAM_RATE_LIMITED),
        ("insufficient_quota", K.UPSTREAM_QUOTA),
        ("invalid_api_key", K.UPSTREAM_KEY_REFUSED),
        ("context_length_exceeded", K.CONTEXT_TOO_LONG),
        ("content_filter", K.CONTENT_REFUSED),
        ("invalid_prompt", K.CONTENT_REFUSED),
        ("server_is_overloaded", K.UPSTREAM_OVERLOADED),
        ("invalid_image_url", K.INVALID_REQUEST),
        ("server_error", K.UPSTREAM_ERROR),
    ],
)
def test_errors_are_classified_by_their_words(code: str, kind: FailureKind) -> None:
    assert failure_of(UpstreamError(code=code)).kind == kind


def test_or_by_a_status_inside() -> None:
    assert failure_of(UpstreamError(status=503)).kind == K.UPSTREAM_OVERLOADED


@pytest.mark.parametrize(
    ("data", "event", "kind"),
    [
        (b'{"type":"response.created","response":{"error":null}}', "", None),
        (b'{"type":"response.queued","response":{}}', "", None),
        (b'{"type":"keepalive"}', "", None),
        (b"[DONE]", "", K.UPSTREAM_BAD_REPLY),
        (b"<html>", "", K.UPSTREAM_BAD_REPLY),
        (b'{"id":"chatcmpl-1","choices":[]}', "", K.UPSTREAM_BAD_REPLY),
        (b'{"type":"error","code":"rate_limit_exceeded"}', "error", K.UPSTREAM_RATE_LIMITED),
        (b'{"error":{"message":"x","code":"insufficient_quota"}}', "", K.UPSTREAM_QUOTA),
        (b'{"type":"response.failed","response":{"error":null}}', "", K.UPSTREAM_ERROR),
    ],
)
def test_the_first_frame_is_judged(data: bytes, event: str, kind: FailureKind | None) -> None:
    failure = inspect_first(Frame(data, event))
    assert (failure and failure.kind) == kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"object":"response","status":"completed","output":[{}],"error":null}', None),
        (b'{"object":"response","status":"queued","output":[]}', None),
        (b'{"object":"response","status":"incomplete","output":[]}', None),
        (b'{"object":"response.input_tokens","input_tokens":5}', None),
        (b'{"object":"list","data":[]}', None),
        (b'{"object":"response","status":"completed","output":[]}', K.UPSTREAM_BAD_REPLY),
        (b'{"object":"response","status":"failed","output":[],"error":null}', K.UPSTREAM_ERROR),
        (b'{"error":{"code":"rate_limit_exceeded"}}', K.UPSTREAM_RATE_LIMITED),
        (b'{"detail":"overloaded"}', K.UPSTREAM_OVERLOADED),
        (b'{"choices":[]}', K.UPSTREAM_BAD_REPLY),
        (b"[]", K.UPSTREAM_BAD_REPLY),
        (b"", K.UPSTREAM_BAD_REPLY),
    ],
)
def test_a_whole_body_is_judged(body: bytes, kind: FailureKind | None) -> None:
    failure = inspect_reply(body)
    assert (failure and failure.kind) == kind


# ------------------------------------------------------------------------- writing


def test_an_error_event_has_all_its_fields() -> None:
    failure = Failure(kind=K.UPSTREAM_INTERRUPTED, message="cut")
    written = encode_error_event(failure, "req_1")
    assert written == error_event(failure, 0)
    event, data = written.decode().strip().split("\n")
    assert event == "event: error"
    assert json.loads(data.removeprefix("data: ")) == {
        "type": "error",
        "sequence_number": 0,
        "code": "upstream_interrupted",
        "message": "cut",
        "param": None,
    }


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (K.CONTEXT_TOO_LONG, "context_length_exceeded"),
        (K.UPSTREAM_RATE_LIMITED, "rate_limit_exceeded"),
        (K.UPSTREAM_QUOTA, "insufficient_quota"),
        (K.UPSTREAM_INTERRUPTED, "server_error"),
    ],
)
def test_a_failed_response_has_the_code_that_clients_act_on(kind: FailureKind, code: str) -> None:
    assert failed_error(Failure(kind=kind, message="m")) == {"code": code, "message": "m"}
