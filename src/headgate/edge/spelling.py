"""A failure as the caller's dialect spells it."""

from __future__ import annotations

import msgspec

from headgate.base.failure import Blame, Failure
from headgate.dialects.bridge import DIALECTS
from headgate.edge.limit_headers import LONGEST_WAIT_S, Headers, limit_headers, wait_headers


def failure_answer(
    failure: Failure, request_id: str, dialect: str, wall_s: float = 0.0
) -> tuple[int, Headers, bytes]:
    """Spell a failure: status, headers, JSON body. `wall_s` is needed for callers over a limit.

    An upstream's own error object goes on unchanged to a caller of the same wire; the lines about
    earlier attempts stand beside the message otherwise.
    """
    headers: Headers = [(b"content-type", b"application/json")]
    if failure.retry_after_s is not None:
        headers += wait_headers(failure.retry_after_s)
        if failure.limit is not None:
            reset_s = min(max(failure.retry_after_s, 1.0), LONGEST_WAIT_S)
            headers += limit_headers(dialect, failure.limit, 0, reset_s, wall_s)
    if failure.attempts and failure.http_status >= 500 and failure.rule.blame is not Blame.CLIENT:
        # We have tried the alternatives; SDKs that retry on their own would only triple the load.
        headers.append((b"x-should-retry", b"false"))
    return failure.http_status, headers, _body(failure, request_id, dialect)


def _body(failure: Failure, request_id: str, dialect: str) -> bytes:
    if failure.upstream_body is not None:
        return failure.upstream_body
    body = DIALECTS[dialect].encode_error(failure, request_id)
    error = body.get("error")
    if failure.attempts and isinstance(error, dict):
        error["attempts"] = list(failure.attempts)
    return msgspec.json.encode(body)
