"""The one place that reads a caller's key from a request (S-26)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.request import Request

HeaderOf = Callable[[bytes], bytes | None]

_PLAIN_HEADERS = (b"x-api-key", b"x-goog-api-key", b"api-key")


# What OpenAI's clients in browsers write before the key, where a page can set no header.
_IN_SUBPROTOCOL = "openai-insecure-api-key."
_IN_QUERY = frozenset({"key", "api-key"})  # Gemini's, and Azure's


def caller_key(request: Request) -> str | None:
    """Read the key of a request. Errors: as `key_in`."""
    return key_in(request.header, request.query)


def key_in(header: HeaderOf, query: str) -> str | None:
    """Read the key from whichever header, or from the query; None if there is none.

    Errors: RelayError UNAUTHENTICATED when two places hold different keys: guessing which one is
    meant would charge the wrong account.
    """
    found: str | None = None
    authorization = header(b"authorization")
    if authorization is not None:
        found = _bearer(authorization)
    for name in _PLAIN_HEADERS:
        value = header(name)
        if value is not None:
            found = _same(found, value.decode("latin-1").strip())
    offered = header(b"sec-websocket-protocol")
    if offered is not None:
        for subprotocol in map(str.strip, offered.decode("latin-1").split(",")):
            if subprotocol.startswith(_IN_SUBPROTOCOL):
                found = _same(found, subprotocol.removeprefix(_IN_SUBPROTOCOL))
    if "key=" in query:
        for parameter, told in parse_qsl(query):
            if parameter in _IN_QUERY:
                found = _same(found, told)
    return found


def _same(found: str | None, key: str) -> str | None:
    if not key:
        return found  # some SDKs send the header even without a key
    if found is not None and key != found:
        raise RelayError(
            Failure(
                kind=FailureKind.UNAUTHENTICATED,
                message="Two different API keys were sent in two places; send one.",
                code="ambiguous_credentials",
            )
        )
    return key


def _bearer(value: bytes) -> str | None:
    """`Bearer KEY`; a bare key is taken as well, as One API's users send it."""
    words = value.decode("latin-1").split()
    return words[-1] if 1 <= len(words) <= 2 else None
