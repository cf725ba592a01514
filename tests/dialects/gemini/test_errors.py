from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import Failure, FailureKind
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.gemini.errors import (
    decode_error,
    encode_error,
    encode_error_event,
    failure_of,
)
from headgate.ir.request import Json

K = FailureKind


def error(message: str = "", status: str = "", code: int = 400, *details: Json) -> Json:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def quota(quota_id: str) -> Json:
    return {"@type": "…QuotaFailure", "violations": [{"quotaId": quota_id}]}


def read(body: Any) -> UpstreamError:
    found = decode_error(body)
    assert found is not None
    return found


def test_an_error_is_read() -> None:
    body = error("slow down", "RESOURCE_EXHAUSTED", 429, {"retryDelay": "34.4s"})
    assert read(body) == UpstreamError(
        message="slow down",
        kind="RESOURCE_EXHAUSTED",
        code="429",
        status=429,
        retry_after_s=34.4,
    )


def test_the_list_of_a_stream_is_read_too() -> None:
    assert read([error("m")]).message == "m"


@pytest.mark.parametrize("body", [{}, {"error": "x"}, [], [1], {"candidates": []}])
def test_what_is_no_error_is_none(body: Any) -> None:
    assert decode_error(body) is None


def test_the_most_telling_code_is_given() -> None:
    assert read(error("", "", 400, {"reason": "API_KEY_INVALID"})).code == "API_KEY_INVALID"
    assert read(error("", "", 429, quota("PerDay"))).code == "PerDay"
    assert read(error("", "", 404)).code == "404"


def test_details_of_another_shape_are_passed_over() -> None:
    assert read(error("", "", 429, {"violations": 7})).code == "429"


def test_keys_in_messages_are_masked() -> None:
    assert "AIza" not in read(error("API key AIzaSyA1234567890abcdef not valid")).message


def test_a_template_gives_way_to_the_details() -> None:
    body = error("$grpcMessage", "FAILED_PRECONDITION", 400, {"detail": "User location …"})
    assert read(body).message == "User location …"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (error("API key not valid.", "INVALID_ARGUMENT"), K.UPSTREAM_KEY_REFUSED),
        (
            error("m", "INVALID_ARGUMENT", 400, {"reason": "API_KEY_INVALID"}),
            K.UPSTREAM_KEY_REFUSED,
        ),
        (
            error("m", "PERMISSION_DENIED", 403, {"reason": "CONSUMER_SUSPENDED"}),
            K.UPSTREAM_KEY_REFUSED,
        ),
        (error("m", "UNAUTHENTICATED", 401), K.UPSTREAM_KEY_REFUSED),
        (error("m", "PERMISSION_DENIED", 403), K.UPSTREAM_FORBIDDEN),
        (
            error("User location is not supported for the API use.", "FAILED_PRECONDITION"),
            K.UPSTREAM_FORBIDDEN,
        ),
        (error("m", "NOT_FOUND", 404), K.UPSTREAM_NOT_FOUND),
        (error("m", "RESOURCE_EXHAUSTED", 429), K.UPSTREAM_RATE_LIMITED),
        (
            error("plan and billing", "RESOURCE_EXHAUSTED", 429, quota("XPerMinuteY")),
            K.UPSTREAM_RATE_LIMITED,
        ),
        (error("m", "RESOURCE_EXHAUSTED", 429, quota("XPerDayY")), K.UPSTREAM_QUOTA),
        (error("check your plan and billing", "RESOURCE_EXHAUSTED", 429), K.UPSTREAM_QUOTA),
        (error("enable billing on your project", "FAILED_PRECONDITION"), K.UPSTREAM_QUOTA),
        (error("The model is overloaded.", "UNAVAILABLE", 503), K.UPSTREAM_OVERLOADED),
        (error("m", "INTERNAL", 500), K.UPSTREAM_ERROR),
        (error("m", "CANCELLED", 499), K.UPSTREAM_ERROR),
        (error("m", "", 503), K.UPSTREAM_OVERLOADED),
        (
            error("input exceeds the maximum number of tokens allowed", "INVALID_ARGUMENT"),
            K.CONTEXT_TOO_LONG,
        ),
        (error("m", "INVALID_ARGUMENT"), K.INVALID_REQUEST),
    ],
)
def test_errors_are_classified(body: Json, kind: FailureKind) -> None:
    assert failure_of(read(body)).kind is kind


def test_a_failure_keeps_what_the_error_said() -> None:
    body = error("m", "RESOURCE_EXHAUSTED", 429, quota("PerDay"), {"retryDelay": "3s"})
    failure = failure_of(read(body))
    assert (failure.message, failure.code, failure.retry_after_s) == ("m", "PerDay", 3.0)


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        (K.INVALID_REQUEST, 400, "INVALID_ARGUMENT"),
        (K.UNAUTHENTICATED, 401, "UNAUTHENTICATED"),
        (K.MODEL_NOT_FOUND, 404, "NOT_FOUND"),
        (K.REQUEST_TOO_LARGE, 413, "INVALID_ARGUMENT"),
        (K.RATE_LIMITED, 429, "RESOURCE_EXHAUSTED"),
        (K.INTERNAL, 500, "INTERNAL"),
        (K.UPSTREAM_OVERLOADED, 503, "UNAVAILABLE"),
        (K.UPSTREAM_TIMEOUT, 504, "DEADLINE_EXCEEDED"),
    ],
)
def test_a_failure_is_written_in_googles_words(kind: FailureKind, status: int, word: str) -> None:
    wire = encode_error(Failure(kind=kind, message="m"), "req-1")["error"]
    assert (wire["code"], wire["status"], wire["message"]) == (status, word, "m")
    assert wire["details"][0]["requestId"] == "req-1"


def test_the_wait_and_the_place_are_details() -> None:
    failure = Failure(kind=K.RATE_LIMITED, message="m", param="contents[0]", retry_after_s=2.5)
    wire = encode_error(failure, "r")
    assert read(wire).retry_after_s == 2.5
    assert wire["error"]["details"][2]["fieldViolations"][0]["field"] == "contents[0]"


def test_an_error_event_begins_as_the_sdks_expect() -> None:
    event = encode_error_event(Failure(kind=K.UPSTREAM_INTERRUPTED, message="m"), "r")
    assert event.startswith(b'data: {"error":{"code":502')
    assert event.endswith(b"\n\n")
    assert read(msgspec.json.decode(event[6:])).message == "m"
