"""What can go wrong with a request, and what each kind of wrong means for status, blame and retry.

A `Failure` is data. What to do about it is the table `RULES`. Dialects only spell a failure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec


class Blame(StrEnum):
    """Who caused a failure, and so whose health suffers for it."""

    CLIENT = "client"  # the caller's request is at fault: nobody is cooled
    CREDENTIAL = "credential"  # this upstream key is at fault: the key rests
    CHANNEL = "channel"  # this channel (for this model) is at fault: it rests
    GATEWAY = "gateway"  # we refused or broke: nobody is cooled


class FailureKind(StrEnum):
    """Every way in which a request can fail."""

    # The caller's side.
    INVALID_JSON = "invalid_json"
    INVALID_REQUEST = "invalid_request"
    REQUEST_TOO_LARGE = "request_too_large"
    UNSUPPORTED_MEDIA = "unsupported_media"
    REQUEST_TIMEOUT = "request_timeout"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    MODEL_NOT_FOUND = "model_not_found"
    RATE_LIMITED = "rate_limited"  # our own limit on the caller
    BALANCE_EXHAUSTED = "balance_exhausted"
    CONTENT_REFUSED = "content_refused"
    CONTEXT_TOO_LONG = "context_too_long"
    CLIENT_GONE = "client_gone"
    LOSS_REFUSED = "loss_refused"
    # The upstream's side.
    UPSTREAM_KEY_REFUSED = "upstream_key_refused"
    UPSTREAM_FORBIDDEN = "upstream_forbidden"
    UPSTREAM_REJECTED = "upstream_rejected"  # this upstream will not take it, another may
    UPSTREAM_QUOTA = "upstream_quota"
    UPSTREAM_RATE_LIMITED = "upstream_rate_limited"
    UPSTREAM_OVERLOADED = "upstream_overloaded"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_NOT_FOUND = "upstream_not_found"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_BAD_REPLY = "upstream_bad_reply"  # HTML, empty, malformed, an error inside a 200
    UPSTREAM_INTERRUPTED = "upstream_interrupted"  # cut after the first byte
    # Ours.
    NO_CREDENTIAL = "no_credential"  # every credential of the channel is limited or resting
    UNSUPPORTED_OPERATION = "unsupported_operation"
    DRAINING = "draining"
    INTERNAL = "internal"


class Rule(NamedTuple):
    """What a kind of failure means."""

    status: int
    blame: Blame
    retry: bool  # may another attempt be made?
    code: str  # stable `error.code` for callers


_K = FailureKind
_B = Blame

RULES: dict[FailureKind, Rule] = {
    _K.INVALID_JSON: Rule(400, _B.CLIENT, False, "invalid_json"),
    _K.INVALID_REQUEST: Rule(400, _B.CLIENT, False, "invalid_request_error"),
    _K.REQUEST_TOO_LARGE: Rule(413, _B.CLIENT, False, "request_too_large"),
    _K.UNSUPPORTED_MEDIA: Rule(415, _B.CLIENT, False, "unsupported_media_type"),
    _K.REQUEST_TIMEOUT: Rule(408, _B.CLIENT, False, "request_timeout"),
    _K.NOT_FOUND: Rule(404, _B.CLIENT, False, "not_found"),
    _K.METHOD_NOT_ALLOWED: Rule(405, _B.CLIENT, False, "method_not_allowed"),
    _K.UNAUTHENTICATED: Rule(401, _B.CLIENT, False, "invalid_api_key"),
    _K.FORBIDDEN: Rule(403, _B.CLIENT, False, "permission_denied"),
    _K.MODEL_NOT_FOUND: Rule(404, _B.CLIENT, False, "model_not_found"),
    _K.RATE_LIMITED: Rule(429, _B.CLIENT, False, "rate_limit_exceeded"),
    _K.BALANCE_EXHAUSTED: Rule(429, _B.CLIENT, False, "insufficient_user_quota"),
    _K.CONTENT_REFUSED: Rule(400, _B.CLIENT, False, "content_policy_violation"),
    _K.CONTEXT_TOO_LONG: Rule(413, _B.CLIENT, False, "context_length_exceeded"),
    _K.CLIENT_GONE: Rule(499, _B.CLIENT, False, "client_closed_request"),
    _K.LOSS_REFUSED: Rule(400, _B.CLIENT, True, "unsupported_parameter"),
    _K.UPSTREAM_KEY_REFUSED: Rule(401, _B.CREDENTIAL, True, "upstream_key_refused"),
    _K.UPSTREAM_FORBIDDEN: Rule(403, _B.CREDENTIAL, True, "upstream_forbidden"),
    _K.UPSTREAM_REJECTED: Rule(422, _B.CLIENT, True, "upstream_rejected"),
    _K.UPSTREAM_QUOTA: Rule(429, _B.CREDENTIAL, True, "upstream_quota_exhausted"),
    _K.UPSTREAM_RATE_LIMITED: Rule(429, _B.CREDENTIAL, True, "rate_limit_exceeded"),
    _K.UPSTREAM_OVERLOADED: Rule(503, _B.CHANNEL, True, "upstream_overloaded"),
    _K.UPSTREAM_ERROR: Rule(502, _B.CHANNEL, True, "upstream_error"),
    _K.UPSTREAM_NOT_FOUND: Rule(404, _B.CHANNEL, True, "upstream_not_found"),
    _K.UPSTREAM_UNREACHABLE: Rule(503, _B.CHANNEL, True, "upstream_unreachable"),
    _K.UPSTREAM_TIMEOUT: Rule(504, _B.CHANNEL, True, "upstream_timeout"),
    _K.UPSTREAM_BAD_REPLY: Rule(502, _B.CHANNEL, True, "upstream_bad_reply"),
    _K.UPSTREAM_INTERRUPTED: Rule(502, _B.CHANNEL, False, "upstream_interrupted"),
    _K.NO_CREDENTIAL: Rule(429, _B.GATEWAY, True, "no_credential_available"),
    _K.UNSUPPORTED_OPERATION: Rule(404, _B.GATEWAY, True, "unsupported_operation"),
    _K.DRAINING: Rule(503, _B.GATEWAY, False, "server_draining"),
    _K.INTERNAL: Rule(500, _B.GATEWAY, False, "internal_error"),
}


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that went wrong.

    `message` is for the caller: no secrets, no stack. `status` is the upstream's own where it
    answered with one (400, 413 and the like reach the caller unchanged); without it the rule's
    status counts. `upstream_body` is the upstream's JSON error, already cleaned of secrets, for
    callers of the same dialect. `attempts` has a line for each try that came before. `limit` is the
    number of requests that the caller may make in the window that is full.
    """

    kind: FailureKind
    message: str
    status: int | None = None
    param: str | None = None
    code: str | None = None
    retry_after_s: float | None = None
    upstream_body: bytes | None = None
    attempts: tuple[str, ...] = ()
    limit: int | None = None

    @property
    def rule(self) -> Rule:
        """The row of `RULES` for this failure."""
        return RULES[self.kind]

    @property
    def http_status(self) -> int:
        """The status the caller sees."""
        return self.status if self.status is not None else self.rule.status


class RelayError(Exception):
    """A failure on its way to the caller."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind}: {failure.message}")
        self.failure = failure


EMPTY_REPLY = "Upstream server returned an empty response."


def bad_reply(message: str) -> Failure:
    """Say that what an upstream sent is no answer."""
    return Failure(kind=FailureKind.UPSTREAM_BAD_REPLY, message=message)


def broke_off(message: str = "the upstream's stream stopped before its end") -> Failure:
    """Say that an upstream broke its answer off."""
    return Failure(kind=FailureKind.UPSTREAM_INTERRUPTED, message=message)


def out_of_time(bound_s: float) -> Failure:
    """Say that an upstream has not begun its answer within the time that a request has."""
    return Failure(
        kind=FailureKind.UPSTREAM_TIMEOUT, message=f"Request timed out after {bound_s:g} seconds"
    )
