from __future__ import annotations

import re

import pytest

from headgate.base.failure import Failure, FailureKind
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.openai_errors import code_in, encode_error, failure_of_words

K = FailureKind
ROWS = ((K.UPSTREAM_QUOTA, re.compile("quota")), (K.UPSTREAM_RATE_LIMITED, re.compile("limit")))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UpstreamError(message="The limit of your Quota"), K.UPSTREAM_QUOTA),
        (UpstreamError(code="rate_limit", status=503), K.UPSTREAM_RATE_LIMITED),
        (UpstreamError(message="m", status=503), K.UPSTREAM_OVERLOADED),
        (UpstreamError(message="m", status=502), K.UPSTREAM_ERROR),
        (UpstreamError(), K.UPSTREAM_ERROR),
    ],
)
def test_the_first_word_counts_and_then_a_status(error: UpstreamError, kind: FailureKind) -> None:
    failure = failure_of_words(error, ROWS)
    assert failure.kind is kind
    assert failure.message


def test_azures_code_is_inside() -> None:
    assert code_in({"code": "content_filter", "innererror": {"code": "Violence"}}) == "Violence"
    assert code_in({"code": "c", "innererror": {}}) == code_in({"code": "c"}) == "c"


@pytest.mark.parametrize(
    ("failure", "word", "code"),
    [
        (Failure(kind=K.UNAUTHENTICATED, message="m"), "authentication_error", "invalid_api_key"),
        (Failure(kind=K.FORBIDDEN, message="m"), "permission_error", "permission_denied"),
        (Failure(kind=K.MODEL_NOT_FOUND, message="m"), "invalid_request_error", "model_not_found"),
        (Failure(kind=K.RATE_LIMITED, message="m"), "rate_limit_error", "rate_limit_exceeded"),
        (
            Failure(kind=K.BALANCE_EXHAUSTED, message="m"),
            "insufficient_quota",
            "insufficient_user_quota",
        ),
        (Failure(kind=K.UPSTREAM_ERROR, message="m"), "server_error", "upstream_error"),
        (
            Failure(kind=K.UPSTREAM_ERROR, message="m", status=422),
            "invalid_request_error",
            "upstream_error",
        ),
        (Failure(kind=K.INVALID_REQUEST, message="m", code="own"), "invalid_request_error", "own"),
    ],
)
def test_errors_are_written_in_openais_words(failure: Failure, word: str, code: str) -> None:
    body = encode_error(failure, "req-1")
    assert body["error"]["type"] == word
    assert body["error"]["code"] == code
    assert body["error"]["request_id"] == "req-1"
    assert "message" not in body


def test_the_upstreams_own_error_is_kept_beside_our_request_id() -> None:
    told = b'{"error":{"message":"too long","type":"invalid_request_error","extra":1},"id":"x"}'
    failure = Failure(kind=K.INVALID_REQUEST, message="m", param="p", upstream_body=told)
    assert encode_error(failure, "req-1") == {
        "error": {
            "message": "too long",
            "type": "invalid_request_error",
            "param": "p",
            "code": "invalid_request_error",
            "extra": 1,
            "request_id": "req-1",
        },
        "id": "x",
    }
