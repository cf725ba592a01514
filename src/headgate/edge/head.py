"""The head of a request, and what makes it unacceptable.

The parser (llhttp, strict) refuses broken syntax. What it lets pass and two programs might read
in two ways is refused here: one message must never become two (reliability.md F-C19, F-C20).
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.upload import Upload

_HOST = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
# Headers of which a second one would be a second opinion. llhttp sees to the framing ones.
_SINGLE = frozenset(
    {b"host", b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key"}
    | {b"content-type", b"content-encoding", b"expect"}
)


class Head(msgspec.Struct, kw_only=True, eq=False):
    """A request's head, accepted."""

    method: bytes
    headers: list[tuple[bytes, bytes]]
    fields: dict[bytes, bytes]
    keep_alive: bool
    http_1_0: bool
    length: int  # of the body, as declared; 0 when chunked
    wants_continue: bool
    upload: Upload | None = None  # takes the body, if it is a form with files


def unique_fields(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name; of a repeated one the first.

    Errors: `RelayError` (400) when a header is repeated that means one thing only.
    """
    fields = dict(headers)
    if len(fields) == len(headers):
        return fields
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in seen and name in _SINGLE:
            raise bad_request(f"The header {name.decode('latin-1')!r} is given twice.")
        seen.add(name)
    return dict(reversed(headers))


def check_host(host: bytes | None, *, http_1_0: bool) -> None:
    """Refuse a missing or malformed `Host`: a parser might take a path out of it."""
    if host is None:
        if not http_1_0:
            raise bad_request("The Host header is missing.")
    elif not _is_clean_host(host):
        raise bad_request("The Host header is not a host name with an optional port.")


@lru_cache(maxsize=256)
def _is_clean_host(host: bytes) -> bool:
    return _HOST.fullmatch(host) is not None


def is_chunked(fields: dict[bytes, bytes], *, http_1_0: bool) -> bool:
    """Whether the body is chunked.

    Errors: `RelayError` (400) for any other transfer coding, one beside a length, or in HTTP/1.0.
    """
    coding = fields.get(b"transfer-encoding")
    if coding is None:
        return False
    if http_1_0 or b"content-length" in fields or coding.lower() != b"chunked":
        raise bad_request("Transfer-Encoding must be exactly `chunked`, and the only framing.")
    return True


def wants_continue(fields: dict[bytes, bytes]) -> bool:
    """Whether the caller waits for `100 Continue` before it sends the body.

    Errors: `RelayError` (417) for an expectation nobody knows.
    """
    expected = fields.get(b"expect")
    if expected is None:
        return False
    if expected.lower() != b"100-continue":
        raise bad_request("The only expectation understood is 100-continue.", 417)
    return True


def bad_request(message: str, status: int | None = None) -> RelayError:
    """A request that is refused as it stands."""
    failure = Failure(kind=FailureKind.INVALID_REQUEST, message=message, status=status)
    return RelayError(failure)
