"""Refusals, exceptions in a stream, and errors inside a 200."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headgate.base.failure import FailureKind
from headgate.base.frames import Frame
from headgate.dialects.bedrock_converse.errors import (
    decode_error,
    failure_in,
    inspect_first,
    inspect_reply,
    is_error,
)
from headgate.dialects.dialect import UpstreamError
from headgate.upstream.classify import classify

_K = FailureKind


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"message": "no"}, UpstreamError(message="no")),
        ({"Message": "no"}, UpstreamError(message="no")),
        (
            {"__type": "com.amazon.coral#ValidationException:http://x", "message": "no"},
            UpstreamError(message="no", kind="ValidationException"),
        ),
        ({"__type": "UnknownOperationException"}, UpstreamError(kind="UnknownOperationException")),
        (
            {"message": "broke", "originalMessage": "full", "originalStatusCode": 503},
            UpstreamError(message="broke (full)", status=503),
        ),
        ({"message": "a b", "originalMessage": "b"}, UpstreamError(message="a b")),
        (
            {"message": "Too many tokens per day, please wait before trying again."},
            UpstreamError(
                message="Too many tokens per day, please wait before trying again.",
                kind="ServiceQuotaExceededException",
            ),
        ),
    ],
)
def test_an_error_object_is_read(body: dict[str, Any], error: UpstreamError) -> None:
    assert decode_error(body) == error


@pytest.mark.parametrize("body", [{}, {"error": {"message": "x"}}, {"message": {"role": "x"}}])
def test_other_objects_are_no_errors(body: dict[str, Any]) -> None:
    assert decode_error(body) is None


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (403, "The security token included in the request is expired", _K.UPSTREAM_FORBIDDEN),
        (400, "Input is too long for requested model.", _K.CONTEXT_TOO_LONG),
        (400, "The text field in the ContentBlock is blank.", _K.INVALID_REQUEST),
        (429, "Too many requests, please wait before trying again.", _K.UPSTREAM_RATE_LIMITED),
        (429, "Too many tokens per day, please wait before trying again.", _K.UPSTREAM_QUOTA),
        (404, "Could not resolve the foundation model", _K.UPSTREAM_NOT_FOUND),
        (408, "Model timed out", _K.UPSTREAM_TIMEOUT),
        (424, "The model broke", _K.UPSTREAM_ERROR),
        (503, "Service unavailable", _K.UPSTREAM_OVERLOADED),
    ],
)
def test_refusals_are_classified(status: int, message: str, kind: FailureKind) -> None:
    body = json.dumps({"message": message}).encode()
    failure = classify(status, {}, body, decode_error, now_s=0.0)
    assert failure.kind is kind
    assert failure.message == message


@pytest.mark.parametrize(
    ("event", "body", "kind"),
    [
        ("throttlingException", {"message": "slow"}, _K.UPSTREAM_RATE_LIMITED),
        ("throttlingException", {"message": "Too many tokens per day"}, _K.UPSTREAM_QUOTA),
        ("modelStreamErrorException", {"message": "broke"}, _K.UPSTREAM_ERROR),
        (
            "modelStreamErrorException",
            {"message": "broke", "originalStatusCode": 529},
            _K.UPSTREAM_OVERLOADED,
        ),
        ("validationException", {"message": "bad"}, _K.INVALID_REQUEST),
        ("validationException", {"message": "prompt is too long: 3"}, _K.CONTEXT_TOO_LONG),
        ("internalServerException", {"message": "oh"}, _K.UPSTREAM_ERROR),
        ("serviceUnavailableException", {"message": "later"}, _K.UPSTREAM_OVERLOADED),
        ("modelTimeoutException", {}, _K.UPSTREAM_TIMEOUT),
        ("accessDeniedException", {"message": "no"}, _K.UPSTREAM_FORBIDDEN),
        ("newException", {"message": "no"}, _K.UPSTREAM_ERROR),
        ("error", {"code": "ThrottlingException", "message": "x"}, _K.UPSTREAM_RATE_LIMITED),
        ("error", {"code": "", "message": "x"}, _K.UPSTREAM_ERROR),
    ],
)
def test_exceptions_mean_what_their_names_say(
    event: str, body: dict[str, Any], kind: FailureKind
) -> None:
    frame = Frame(json.dumps(body).encode(), event)
    assert is_error(frame)
    assert failure_in(frame).kind is kind
    first = inspect_first(frame)
    assert first is not None
    assert first.kind is kind


def test_an_exception_that_is_no_json_is_told_in_its_own_words() -> None:
    failure = failure_in(Frame(b"plain words AKIA12345678901234567", "internalServerException"))
    assert failure.message == "plain words ***"
    assert failure_in(Frame(b"{}", "newException")).message.endswith("without a message")


@pytest.mark.parametrize(
    ("data", "event"),
    [(b'{"role":"assistant"}', "messageStart"), (b"{}", "contentBlockDelta"), (b"{}", "newEvent")],
)
def test_what_may_begin_an_answer(data: bytes, event: str) -> None:
    assert inspect_first(Frame(data, event)) is None


@pytest.mark.parametrize(
    ("data", "event"),
    [(b"{}", "messageStop"), (b"{}", "metadata"), (b"{}", ""), (b"x", "messageStart")],
)
def test_what_begins_no_answer(data: bytes, event: str) -> None:
    failure = inspect_first(Frame(data, event))
    assert failure is not None
    assert failure.kind is _K.UPSTREAM_BAD_REPLY


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", _K.UPSTREAM_BAD_REPLY),
        (b"{}", _K.UPSTREAM_BAD_REPLY),
        (b'{"output":{"message":{"content":[]}}}', _K.UPSTREAM_BAD_REPLY),
        (b'{"Output":{"__type":"x"},"Version":"1.0"}', _K.UPSTREAM_BAD_REPLY),
        (b'{"__type":"ThrottlingException","message":"slow"}', _K.UPSTREAM_RATE_LIMITED),
    ],
)
def test_a_200_that_is_no_answer_is_a_failure(body: bytes, kind: FailureKind) -> None:
    failure = inspect_reply(body)
    assert failure is not None
    assert failure.kind is kind


def test_an_empty_answer_that_says_why_is_one() -> None:
    body = b'{"output":{"message":{"content":[]}},"stopReason":"max_tokens"}'
    assert inspect_reply(body) is None
