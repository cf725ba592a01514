"""What upstreams' error answers mean (`uni-api.md` 3.4 and 6.2; `providers.md` 7)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import Blame, Failure, FailureKind
from headgate.dialects.anthropic import ANTHROPIC
from headgate.dialects.dialect import UpstreamError
from headgate.dialects.gemini import GEMINI
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.upstream.classify import DecodeError, classify, retry_after_s

_K = FailureKind
NOW_S = 1_800_000_000.0
NOTHING = UpstreamError()


def judged(
    status: int,
    body: object = b"",
    headers: Mapping[bytes, bytes] | None = None,
    decode_error: DecodeError = OPENAI_CHAT.decode_error,
    *,
    retry_client_errors: bool = False,
) -> Failure:
    """Classify an answer; a body that is not bytes is written as JSON."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return classify(
        status,
        headers or {},
        data,
        decode_error,
        now_s=NOW_S,
        retry_client_errors=retry_client_errors,
    )


def openai(message: str, code: str | None = None, kind: str = "") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


def gemini(code: int, status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": details}}


@pytest.mark.parametrize(
    ("status", "kind", "shown"),
    [
        (400, _K.INVALID_REQUEST, 400),
        (415, _K.INVALID_REQUEST, 415),
        (413, _K.REQUEST_TOO_LARGE, 413),
        (422, _K.UPSTREAM_REJECTED, 422),
        (401, _K.UPSTREAM_KEY_REFUSED, 401),
        (402, _K.UPSTREAM_QUOTA, 402),
        (432, _K.UPSTREAM_QUOTA, 402),
        (403, _K.UPSTREAM_FORBIDDEN, 403),
        (404, _K.UPSTREAM_NOT_FOUND, 404),
        (408, _K.UPSTREAM_TIMEOUT, 504),
        (409, _K.UPSTREAM_ERROR, 502),
        (424, _K.UPSTREAM_ERROR, 502),
        (429, _K.UPSTREAM_RATE_LIMITED, 429),
        (498, _K.UPSTREAM_ERROR, 502),
        (500, _K.UPSTREAM_ERROR, 500),
        (502, _K.UPSTREAM_ERROR, 502),
        (503, _K.UPSTREAM_OVERLOADED, 503),
        (504, _K.UPSTREAM_TIMEOUT, 504),
        (524, _K.UPSTREAM_ERROR, 524),
        (529, _K.UPSTREAM_OVERLOADED, 529),
        (302, _K.UPSTREAM_BAD_REPLY, 502),
        (999, _K.UPSTREAM_BAD_REPLY, 502),
        (-1, _K.UPSTREAM_BAD_REPLY, 502),
    ],
)
def test_a_status_alone_means_something(status: int, kind: FailureKind, shown: int) -> None:
    failure = judged(status)
    assert (failure.kind, failure.http_status) == (kind, shown)


OPENAI_CASES = [
    # uni-api's remaps: cases 36 to 38, 56 and the list in 3.4.
    (400, openai("API key not valid. Please pass a valid API key."), _K.UPSTREAM_KEY_REFUSED, 401),
    (400, openai("API key expired"), _K.UPSTREAM_KEY_REFUSED, 401),
    (
        400,
        openai("Please reduce the length of the messages or completion."),
        _K.CONTEXT_TOO_LONG,
        413,
    ),
    (
        400,
        openai("Please reduce the length of either one, or use the ..."),
        _K.CONTEXT_TOO_LONG,
        413,
    ),
    (400, openai("x", "string_above_max_length"), _K.CONTEXT_TOO_LONG, 413),
    (400, openai("tokens must be less than max_seq_len"), _K.CONTEXT_TOO_LONG, 413),
    (
        400,
        openai("Request contains text fields that are too large."),
        _K.CONTEXT_TOO_LONG,
        413,
    ),
    (400, openai("no", "model_not_priced"), _K.UPSTREAM_ERROR, 502),
    (400, b"bad response status code 400", _K.UPSTREAM_ERROR, 502),
    (
        400,
        b"<html><center><h1>400 Bad Request</h1></center></html>",
        _K.UPSTREAM_ERROR,
        502,
    ),
    (
        413,
        b"<html><center><h1>413 Request Entity Too Large</h1></center></html>",
        _K.UPSTREAM_REJECTED,
        413,
    ),
    (403, openai("You exceeded ...", "insufficient_quota"), _K.UPSTREAM_QUOTA, 403),
    # `providers.md` 7.1, vendor by vendor.
    (429, openai("You exceeded your current quota", "insufficient_quota"), _K.UPSTREAM_QUOTA, 429),
    (400, openai("no", "billing_hard_limit_reached"), _K.UPSTREAM_QUOTA, 429),
    (400, openai("max", "context_length_exceeded"), _K.CONTEXT_TOO_LONG, 413),
    (400, openai("bad", "content_policy_violation"), _K.UPSTREAM_REJECTED, 400),
    (401, openai("no", "account_deactivated"), _K.UPSTREAM_KEY_REFUSED, 401),
    (
        400,
        {
            "error": {
                "message": "filtered",
                "code": "content_filter",
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
        _K.UPSTREAM_REJECTED,
        400,
    ),
    (402, openai("Insufficient Balance"), _K.UPSTREAM_QUOTA, 402),
    (400, openai("Content Exists Risk"), _K.UPSTREAM_REJECTED, 400),
    (429, openai("quota", "exceeded_current_quota_error"), _K.UPSTREAM_QUOTA, 429),
    (
        429,
        openai("The engine is busy", "engine_overloaded_error"),
        _K.UPSTREAM_OVERLOADED,
        429,
    ),
    (429, {"message": "Service tier capacity exceeded"}, _K.UPSTREAM_OVERLOADED, 429),
    (400, openai("denied", "Arrearage"), _K.UPSTREAM_QUOTA, 429),
    (403, openai("over", "AllocationQuota.FreeTierOnly"), _K.UPSTREAM_QUOTA, 403),
    (403, openai("over", "AccountOverdueError"), _K.UPSTREAM_QUOTA, 403),
    (429, openai("over", "QuotaExceeded"), _K.UPSTREAM_QUOTA, 429),
    (429, openai("您的账户已欠费", "1113"), _K.UPSTREAM_QUOTA, 429),
    (
        400,
        {"code": "invalid-argument", "error": "An incorrect API key is supplied"},
        _K.UPSTREAM_KEY_REFUSED,
        401,
    ),
    (
        403,
        {"code": "forbidden", "error": "Content violates usage guidelines."},
        _K.UPSTREAM_REJECTED,
        403,
    ),
    (
        403,
        {"code": "x", "error": "Your team has used all available credits"},
        _K.UPSTREAM_QUOTA,
        403,
    ),
    (
        400,
        {
            "message": "Current length is 9 while limit is 8",
            "code": "context_length_exceeded",
            "type": "invalid_request_error",
            "param": "messages",
        },
        _K.CONTEXT_TOO_LONG,
        413,
    ),
    (400, {"error": "the prompt too long; exceeded max context length"}, _K.CONTEXT_TOO_LONG, 413),
    (500, openai("The server is overloaded"), _K.UPSTREAM_OVERLOADED, 500),
    (400, openai("This model's maximum context length is 8192 tokens"), _K.CONTEXT_TOO_LONG, 413),
]


@pytest.mark.parametrize(("status", "body", "kind", "shown"), OPENAI_CASES)
def test_words_say_more_than_the_status(
    status: int, body: object, kind: FailureKind, shown: int
) -> None:
    failure = judged(status, body)
    assert (failure.kind, failure.http_status) == (kind, shown)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, anthropic("authentication_error", "invalid x-api-key"), _K.UPSTREAM_KEY_REFUSED),
        (403, anthropic("permission_error", "no"), _K.UPSTREAM_FORBIDDEN),
        (
            400,
            anthropic("invalid_request_error", "Your credit balance is too low to access ..."),
            _K.UPSTREAM_QUOTA,
        ),
        (
            400,
            anthropic("invalid_request_error", "You have reached your specified API usage limits."),
            _K.UPSTREAM_QUOTA,
        ),
        (402, anthropic("billing_error", "pay"), _K.UPSTREAM_QUOTA),
        (429, anthropic("rate_limit_error", "slow down"), _K.UPSTREAM_RATE_LIMITED),
        (529, anthropic("overloaded_error", "Overloaded"), _K.UPSTREAM_OVERLOADED),
        (
            400,
            anthropic("invalid_request_error", "Output blocked by content filtering policy"),
            _K.UPSTREAM_REJECTED,
        ),
        (
            400,
            anthropic("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
            _K.CONTEXT_TOO_LONG,
        ),
        (
            400,
            anthropic("invalid_request_error", "input length and max_tokens exceed context limit"),
            _K.CONTEXT_TOO_LONG,
        ),
        (413, anthropic("request_too_large", "Request exceeds ..."), _K.REQUEST_TOO_LARGE),
        (400, anthropic("invalid_request_error", "messages: at least one"), _K.INVALID_REQUEST),
    ],
)
def test_anthropics_errors(status: int, body: object, kind: FailureKind) -> None:
    assert judged(status, body, decode_error=ANTHROPIC.decode_error).kind is kind


def quota_failure(quota: str) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"quotaId": quota}],
    }


RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}
OVER_QUOTA = "You exceeded your current quota, please check your plan and billing details."


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (
            400,
            gemini(
                400,
                "INVALID_ARGUMENT",
                "API key not valid. Please pass a valid API key.",
                {"@type": "t/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"},
            ),
            _K.UPSTREAM_KEY_REFUSED,
        ),
        (
            403,
            gemini(403, "PERMISSION_DENIED", "Your API key was reported as leaked."),
            _K.UPSTREAM_KEY_REFUSED,
        ),
        (
            400,
            gemini(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
            _K.UPSTREAM_REJECTED,
        ),
        (
            400,
            gemini(
                400,
                "INVALID_ARGUMENT",
                "The input token count exceeds the maximum number of tokens allowed 1048576.",
            ),
            _K.CONTEXT_TOO_LONG,
        ),
        (
            429,
            gemini(
                429,
                "RESOURCE_EXHAUSTED",
                OVER_QUOTA,
                quota_failure("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
                RETRY_INFO,
            ),
            _K.UPSTREAM_RATE_LIMITED,
        ),
        (
            429,
            gemini(429, "RESOURCE_EXHAUSTED", OVER_QUOTA + " Please retry in 12.5s.", RETRY_INFO),
            _K.UPSTREAM_RATE_LIMITED,
        ),
        (
            429,
            gemini(
                429,
                "RESOURCE_EXHAUSTED",
                OVER_QUOTA,
                quota_failure("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
                RETRY_INFO,
            ),
            _K.UPSTREAM_QUOTA,
        ),
        (429, gemini(429, "RESOURCE_EXHAUSTED", OVER_QUOTA), _K.UPSTREAM_QUOTA),
        (429, gemini(429, "RESOURCE_EXHAUSTED", "Resource exhausted."), _K.UPSTREAM_RATE_LIMITED),
        (503, gemini(503, "UNAVAILABLE", "The model is overloaded."), _K.UPSTREAM_OVERLOADED),
        (504, gemini(504, "DEADLINE_EXCEEDED", "late"), _K.UPSTREAM_TIMEOUT),
    ],
)
def test_geminis_errors(status: int, body: object, kind: FailureKind) -> None:
    assert judged(status, body, decode_error=GEMINI.decode_error).kind is kind


def test_gemini_wraps_a_streams_error_in_a_list() -> None:
    body = [gemini(429, "RESOURCE_EXHAUSTED", "Slow down.", RETRY_INFO)]
    failure = judged(429, body, decode_error=GEMINI.decode_error)
    assert (failure.message, failure.retry_after_s) == ("Slow down.", 34.4)


def test_invalid_argument_is_the_callers_mistake_and_is_not_counted_against_the_key() -> None:
    body = gemini(400, "INVALID_ARGUMENT", "Invalid JSON payload received. Unknown name")
    failure = judged(400, body, decode_error=GEMINI.decode_error)
    assert (failure.rule.blame, failure.rule.retry) == (Blame.CLIENT, False)


@pytest.mark.parametrize("status", [400, 413])
def test_callers_mistake_is_not_retried_and_cools_nobody(status: int) -> None:
    rule = judged(status, openai("bad")).rule
    assert (rule.blame, rule.retry) == (Blame.CLIENT, False)


@pytest.mark.parametrize("status", [401, 403, 404, 422, 429, 500, 502, 503, 504])
def test_everything_else_is_retried(status: int) -> None:
    assert judged(status, openai("bad")).rule.retry


@pytest.mark.parametrize("status", [400, 413])
def test_host_that_says_400_for_its_own_troubles_is_left_for_the_next(status: int) -> None:
    failure = judged(status, openai("bad"), retry_client_errors=True)
    assert (failure.kind, failure.http_status) == (_K.UPSTREAM_REJECTED, status)


@pytest.mark.parametrize(
    "quoted",
    [
        "Invalid value: 'insufficient_quota'. Supported values are: 'low' and 'high'.",
        "Invalid value: 'x' insufficient_quota 'y'. Supported values are: 'low' and 'high'.",
        'tools[0].name: "API key not valid" is not a name',
        "unknown tool `usage limit`",
    ],
)
def test_callers_words_quoted_back_do_not_put_a_key_to_rest(quoted: str) -> None:
    assert judged(400, openai(quoted)).rule.blame is Blame.CLIENT


def test_apostrophes_are_not_quotation_marks() -> None:
    message = "You can't go on: insufficient balance. It isn't enough."
    assert judged(400, openai(message)).kind is _K.UPSTREAM_QUOTA


def test_prompt_that_stands_beside_the_error_is_not_searched() -> None:
    body = openai("bad") | {"input": "insufficient_quota, API key not valid"}
    assert judged(400, body).kind is _K.INVALID_REQUEST


def test_upstreams_error_object_is_kept_for_callers_of_the_same_wire() -> None:
    body = openai("bad", "some_code")
    failure = judged(400, body)
    assert failure.code == "some_code"
    assert failure.upstream_body is not None
    assert msgspec.json.decode(failure.upstream_body) == body


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"ok":true}', b"[]", b"null", b'"no"'])
def test_what_is_no_error_object_is_not_shown_as_one(body: bytes) -> None:
    assert judged(400, body).upstream_body is None


def test_empty_answer_still_has_a_message() -> None:
    assert judged(500).message == "upstream answered 500"


def test_page_is_its_own_message() -> None:
    assert judged(502, b"<html>Bad Gateway</html>").message == "<html>Bad Gateway</html>"


def test_keys_in_messages_and_bodies_are_masked() -> None:
    failure = judged(401, openai("Incorrect API key provided: sk-abcdefghijklmnop."))
    assert "abcdefgh" not in failure.message
    assert b"abcdefgh" not in (failure.upstream_body or b"")


def test_endless_message_is_cut_before_it_is_searched() -> None:
    failure = judged(500, openai("key " * 250_000))
    assert len(failure.message) <= 4000
    assert failure.upstream_body is None


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({b"retry-after": b"20"}, 20.0),
        ({b"retry-after": b"0"}, 0.0),
        ({b"retry-after": b"1.5"}, 1.5),
        ({b"retry-after": b" 7 "}, 7.0),
        ({b"retry-after-ms": b"250", b"retry-after": b"1"}, 0.25),
        ({b"retry-after-ms": b"soon", b"retry-after": b"1"}, 1.0),
        ({b"retry-after": b"99999999999"}, 86_400.0),
        ({b"retry-after": b"-5"}, None),
        ({b"retry-after": b"nan"}, None),
        ({b"retry-after": b"inf"}, None),
        ({b"retry-after": b"1e999"}, None),
        ({b"retry-after": b""}, None),
        ({b"retry-after": b"later"}, None),
        ({b"retry-after": b"\xff\x00"}, None),
        ({b"retry-after": b"Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({b"retry-after": b"Mon, 31 Feb 2027 00:00:00 GMT"}, None),
        ({b"retry-after": b"Fri, 01 Jan 2010 00:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_header_tells_how_long_to_wait(
    headers: Mapping[bytes, bytes], wait_s: float | None
) -> None:
    assert retry_after_s(headers, NOTHING, NOW_S) == wait_s


def test_header_may_be_a_date() -> None:
    date = format_datetime(datetime.fromtimestamp(NOW_S + 90, UTC), usegmt=True)
    assert retry_after_s({b"retry-after": date.encode()}, NOTHING, NOW_S) == 90.0


@pytest.mark.parametrize(
    ("message", "wait_s"),
    [
        ("Rate limit reached. Please try again in 2500ms.", 2.5),
        ("Please try again in 3s", 3.0),
        ("Please try again in 1m12.5s. Visit", 72.5),
        ("Please try again in 1h", 3600.0),
        ("please retry after 20 seconds", 20.0),
        ("Please retry in 12.5s", 12.5),
        ("Try again in 5 minutes", 300.0),
        ("Try again in 30", 30.0),
        ("Try again in " + "9" * 400 + "s", 86_400.0),
        ("Try again in 1.1111111115.5s", 6.111111111),
        ("Try again in a moment", None),
        ("Try again later", None),
    ],
)
def test_words_tell_how_long_to_wait(message: str, wait_s: float | None) -> None:
    assert retry_after_s({}, UpstreamError(message=message), NOW_S) == pytest.approx(wait_s)


@pytest.mark.parametrize(
    ("told_s", "wait_s"), [(3.5, 3.5), (-1.0, None), (float("inf"), None), (float("nan"), None)]
)
def test_field_of_the_body_tells_how_long_to_wait(told_s: float, wait_s: float | None) -> None:
    assert retry_after_s({}, UpstreamError(retry_after_s=told_s), NOW_S) == wait_s


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "message", "code", "status", "type", "details", "detail"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
ANY_BODY = st.binary(max_size=200) | JSON.map(msgspec.json.encode)
ANY_HEADERS = st.dictionaries(
    st.sampled_from([b"retry-after", b"retry-after-ms"]),
    st.binary(max_size=40) | st.text(max_size=40).map(str.encode),
)
DECODERS = st.sampled_from([dialect.decode_error for dialect in (OPENAI_CHAT, ANTHROPIC, GEMINI)])


@given(st.integers(-10, 1000), ANY_HEADERS, ANY_BODY, DECODERS)
def test_no_answer_whatever_is_too_strange(
    status: int, headers: dict[bytes, bytes], body: bytes, decode_error: DecodeError
) -> None:
    failure = judged(status, body, headers, decode_error)
    assert 400 <= failure.http_status < 600
    assert failure.message
    assert failure.retry_after_s is None or 0 <= failure.retry_after_s <= 86_400
