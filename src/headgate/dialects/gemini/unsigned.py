"""Calls without a proof in a body that is passed through: another vendor made them.

After a failover a conversation may hold calls that Gemini did not make, and Gemini 3 refuses a turn
whose first call is not signed. They get the signature that stands for none; every other byte stays.

Source: ai.google.dev/gemini-api/docs/thought-signatures.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from headgate.dialects.fields import legible
from headgate.dialects.gemini.parts import FOREIGN_SIGNATURE

_CALLS = ("functionCall", "function_call")
_PROOFS = ("thoughtSignature", "thought_signature")
_PROOF = Raw(msgspec.json.encode(FOREIGN_SIGNATURE))

_Object = dict[str, Raw]
_objects = msgspec.json.Decoder(list[_Object])


def signed(contents: Raw) -> Raw:
    """Sign the first call of each content that has none of it signed.

    Errors: none; what cannot be read stays as it is, and Gemini says what is wrong with it.
    """
    sent = legible(bytes(contents))
    calls, proofs = (
        sum(sent.count(f'"{name}"'.encode()) for name in names) for names in (_CALLS, _PROOFS)
    )
    if calls <= proofs:
        return contents
    try:
        found = _objects.decode(contents)
        changed = [_signed_content(content) for content in found]
    except msgspec.DecodeError:
        return contents
    return contents if changed == found else Raw(msgspec.json.encode(changed))


def _signed_content(content: _Object) -> _Object:
    raw = content.get("parts")
    if raw is None:
        return content
    parts = _objects.decode(raw)
    first = next((part for part in parts if any(name in part for name in _CALLS)), None)
    if first is None or any(name in first for name in _PROOFS):
        return content
    written = [part | {_PROOFS[0]: _PROOF} if part is first else part for part in parts]
    return content | {"parts": Raw(msgspec.json.encode(written))}
