from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind
from headgate.base.frames import Frame
from headgate.dialects.cohere.errors import (
    broken_off,
    decode_error,
    failure_of,
    inspect_first,
    inspect_reply,
)
from headgate.dialects.dialect import UpstreamError

K = FailureKind
MESSAGE = {"role": "assistant", "content": [{"type": "text", "text": "hi"}]}


def frame(event: Any, name: str = "") -> Frame:
    return Frame(msgspec.json.encode(event), name)


def test_an_error_object_is_read() -> None:
    body = {"id": "x", "message": "too many tokens: ...", "error_type": "TOO_MANY_TOKENS"}
    error = UpstreamError(message="too many tokens: ...", kind="TOO_MANY_TOKENS")
    assert decode_error(body) == error


def test_an_error_in_a_wrapper_is_read() -> None:
    body = {"error": {"message": "no", "type": "t", "code": 429}}
    assert decode_error(body) == UpstreamError(message="no", kind="t", code="429", status=429)


@pytest.mark.parametrize("body", [{}, {"message": MESSAGE}, {"id": "x", "message": None}])
def test_an_answer_is_no_error(body: dict[str, Any]) -> None:
    assert decode_error(body) is None


def test_a_key_in_an_error_is_masked() -> None:
    found = decode_error({"message": "bad key sk-abcdefghijklmnopqrstuvwxyz0123456789"})
    assert found is not None
    assert "0123456789" not in found.message


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("too many tokens: size limit exceeded by 5 tokens", K.CONTEXT_TOO_LONG),
        ("invalid api token", K.UPSTREAM_KEY_REFUSED),
        ("You are using a Trial key, limited to 1000 API calls / month", K.UPSTREAM_QUOTA),
        ("You are using a Trial key, limited to 20 calls / minute", K.UPSTREAM_RATE_LIMITED),
        ("model 'x' not found, make sure the correct ID was used", K.UPSTREAM_NOT_FOUND),
        ("the service is unavailable", K.UPSTREAM_OVERLOADED),
        ("what?", K.UPSTREAM_ERROR),
        ("", K.UPSTREAM_ERROR),
    ],
)
def test_an_error_inside_a_200_is_judged_by_its_words(message: str, kind: FailureKind) -> None:
    failure = failure_of(UpstreamError(message=message))
    assert failure.kind is kind
    assert failure.message


@pytest.mark.parametrize("reason", ["COMPLETE", "TOOL_CALL", "ERROR_TOXIC", "", "NEW"])
def test_a_sound_end_is_no_failure(reason: str) -> None:
    assert broken_off(reason, {}) is None


def test_a_vendor_that_broke_says_why() -> None:
    failure = broken_off("ERROR", {"error": "model is overloaded"})
    assert failure is not None
    assert (failure.kind, failure.message) == (K.UPSTREAM_OVERLOADED, "model is overloaded")
    silent = broken_off("TIMEOUT", {})
    assert silent is not None
    assert "TIMEOUT" in silent.message


def test_a_call_spelled_wrong_is_no_failure() -> None:
    assert broken_off("ERROR", {"error_type": "INVALID_TOOL_GENERATION", "error": "e"}) is None


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (Frame(b"[DONE]"), K.UPSTREAM_BAD_REPLY),
        (Frame(b"<html>"), K.UPSTREAM_BAD_REPLY),
        (frame({}), K.UPSTREAM_BAD_REPLY),
        (frame({"id": "x", "message": "invalid api token"}), K.UPSTREAM_KEY_REFUSED),
        (frame({"message": "m"}, "error"), K.UPSTREAM_ERROR),
        (frame({"type": "message-end", "delta": {}}), K.UPSTREAM_BAD_REPLY),
        (
            frame({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "e"}}),
            K.UPSTREAM_ERROR,
        ),
    ],
)
def test_a_first_frame_that_begins_no_answer_is_a_failure(first: Frame, kind: FailureKind) -> None:
    failure = inspect_first(first)
    assert failure is not None
    assert failure.kind is kind


@pytest.mark.parametrize(
    "first",
    [
        frame({"type": "message-start", "id": "x"}),
        frame({"type": "something-new"}),
        frame({"index": 0}, "content-start"),
    ],
)
def test_a_first_frame_may_be_any_event(first: Frame) -> None:
    assert inspect_first(first) is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", K.UPSTREAM_BAD_REPLY),
        (b"[]", K.UPSTREAM_BAD_REPLY),
        (b"{}", K.UPSTREAM_BAD_REPLY),
        (b'{"message":{}}', K.UPSTREAM_BAD_REPLY),
        (b'{"message":"invalid api token"}', K.UPSTREAM_KEY_REFUSED),
        (b'{"message":{},"finish_reason":"ERROR","error":"e"}', K.UPSTREAM_ERROR),
    ],
)
def test_a_body_that_is_no_answer_is_a_failure(body: bytes, kind: FailureKind) -> None:
    failure = inspect_reply(body)
    assert failure is not None
    assert failure.kind is kind


@pytest.mark.parametrize(
    "body",
    [
        {"message": MESSAGE, "finish_reason": "COMPLETE"},
        {"message": {"role": "assistant"}, "finish_reason": "MAX_TOKENS"},
        {"message": MESSAGE},
    ],
)
def test_an_answer_is_an_answer(body: dict[str, Any]) -> None:
    assert inspect_reply(msgspec.json.encode(body)) is None
