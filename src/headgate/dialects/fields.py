"""Looking into a caller's request that was not decoded: single fields, and marks in its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.dialect import Fields

_LARGE = 1 << 16
_LONG = 1 << 12
_MARGIN = 1 << 10
_BACKSLASH = ord("\\")


def runs(data: bytes) -> Iterator[tuple[int, int]]:
    """Find the middles of what is long and holds no quote: images and sound, that is.

    Gives where each begins and ends, a good way from the quotes around it. No escape is cut.
    """
    at = _LONG
    while at < len(data):
        if data.find(b'"', at - _LONG, at) < 0:
            start, end = at - _LONG + _MARGIN, data.find(b'"', at)
            at = len(data) if end < 0 else end
            end = at - _MARGIN
            while start < end and data[start - 1] == _BACKSLASH:
                start += 1
            while start < end and data[end - 1] == _BACKSLASH:
                end -= 1
            if start < end:
                yield start, end
        at += _LONG


def legible(data: bytes) -> bytes:
    """Leave out the middles of images and sound.

    What is looked for in a request (ids, our seals on proofs) stands near a quote, before or after
    it, and so is not in there. To search a megabyte of an image takes longer than to pass it on.
    """
    if len(data) < _LARGE:
        return data
    pieces: list[bytes] = []
    at = 0
    for start, end in runs(data):
        pieces.append(data[at:start])
        at = end
    return b"".join([*pieces, data[at:]]) if pieces else data


def decoded(raw: msgspec.Raw, place: str) -> Any:
    """Decode a value that was only passed over so far.

    Errors: RelayError INVALID_REQUEST with the place: its grammar is right, but numbers without
    end (1e999) are seen only now.
    """
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError as error:
        failure = Failure(
            kind=FailureKind.INVALID_REQUEST, message=f"`{place}`: {error}", param=place
        )
        raise RelayError(failure) from None


def field(fields: Fields, name: str) -> Any:
    """Decode one field; None if it is absent. Errors: as of `decoded`."""
    raw = fields.get(name)
    return None if raw is None else decoded(raw, name)


def decoded_fields(fields: Fields) -> dict[str, Any]:
    """Decode all of them. Errors: as of `decoded`."""
    return {name: decoded(raw, name) for name, raw in fields.items()}
