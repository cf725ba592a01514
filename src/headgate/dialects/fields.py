"""Single fields of a caller's request, decoded where they are looked at."""

from __future__ import annotations

from typing import Any

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.dialect import Fields


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
