"""Other vendors' proofs on their way through a caller's history: sealed, and opened again.

A caller gives back what it got in the fields that its dialect has for proofs. Where that is one
field for all, the proof goes into an envelope of ours, which tells whose it is and what it is on.
"""

from __future__ import annotations

import base64
from typing import Literal, get_args

import msgspec

from headgate.ir.request import Signature

# What is sealed: thinking with its text, thinking without; the proof on the text just before, on
# the next picture, on the call of an id.
SealKind = Literal["thinking", "redacted", "text", "image", "call"]

ENVELOPE = "hg1."
_KINDS: dict[str, SealKind] = {kind: kind for kind in get_args(SealKind)}


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """An opened envelope. `call_id` names the call that a proof of kind "call" is on."""

    kind: SealKind
    signature: Signature | None
    call_id: str = ""

    @property
    def is_thinking(self) -> bool:
        """Whether the proof is on thinking itself, not on another part."""
        return self.kind in ("thinking", "redacted")


def sealed(kind: SealKind, signature: Signature | None, call_id: str = "") -> str:
    """Put a proof into an envelope: `hg1.<kind>.<origin>.<call id>.<value>`."""
    origin, value = (signature.origin, signature.value) if signature is not None else ("", "")
    return f"{ENVELOPE}{kind}.{origin}.{packed(call_id)}.{value}"


def opened(text: object) -> Seal | None:
    """Open an envelope. None if this is none of ours."""
    if not isinstance(text, str) or not text.startswith(ENVELOPE):
        return None
    pieces = text.split(".", 4)
    if len(pieces) != 5 or pieces[1] not in _KINDS:
        return None
    _, kind, origin, packed_id, value = pieces
    call_id = unpacked(packed_id)
    if call_id is None:
        return None
    signature = Signature(origin, value) if origin else None
    return Seal(kind=_KINDS[kind], signature=signature, call_id=call_id)


def packed(text: str) -> str:
    """Write a text in the letters that ids are made of."""
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def unpacked(text: str) -> str | None:
    """Read it back. None if it was not written so."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:  # no letters of base64, not as many as there must be, or no UTF-8 inside
        return None
