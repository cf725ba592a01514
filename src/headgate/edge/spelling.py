"""A failure as the caller's dialect spells it."""

from __future__ import annotations

from math import ceil

import msgspec

from headgate.base.failure import Blame, Failure
from headgate.dialects.bridge import DIALECTS

Headers = list[tuple[bytes, bytes]]

_LONGEST_WAIT_S = 86_400.0


def failure_answer(failure: Failure, request_id: str, dialect: str) -> tuple[int, Headers, bytes]:
    """Spell a failure: status, headers, JSON body.

    An upstream's own error object goes on unchanged to a caller of the same wire; the lines about
    earlier attempts stand beside the message otherwise.
    """
    headers: Headers = [(b"content-type", b"application/json")]
    if failure.retry_after_s is not None:
        wait_s = ceil(min(failure.retry_after_s, _LONGEST_WAIT_S))
        headers.append((b"retry-after", b"%d" % max(1, wait_s)))
        if failure.limit is not None:
            headers += [
                (b"x-ratelimit-limit-requests", b"%d" % failure.limit),
                (b"x-ratelimit-remaining-requests", b"0"),
                (b"x-ratelimit-reset-requests", b"%ds" % max(1, wait_s)),
            ]
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
