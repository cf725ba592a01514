"""Signatures that the lab can check when they come back: HMACs that look like each vendor's own.

A seal signs a text that travels beside it; an envelope carries its text, which callers take for
ciphertext. Every lab has the same keys, so what one signed another accepts, as accounts of one
vendor do; what one vendor signed no other vendor accepts.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

CLAUDE = "claude"
GEMINI = "gemini"
OPENAI = "openai"

KEY = b"headgate lab"
MAC_BYTES = 32
# How each vendor's signatures begin, by which gateways tell them apart.
MARKS = {CLAUDE: b"\x12", GEMINI: b"\x0a\x24\x01", OPENAI: b"\x80\x00\x00\x00\x00"}


def _mac(vendor: str, kind: str, text: bytes) -> bytes:
    key = b"/".join((KEY, vendor.encode(), kind.encode()))
    return hmac.digest(key, text, hashlib.sha256)


def seal(vendor: str, text: str) -> str:
    """Sign a text."""
    return base64.b64encode(MARKS[vendor] + _mac(vendor, "seal", text.encode())).decode()


def is_seal(vendor: str, text: str, signature: object) -> bool:
    """Tell whether a signature belongs to this text, and is the vendor's own."""
    return isinstance(signature, str) and hmac.compare_digest(
        seal(vendor, text).encode(), signature.encode()
    )


def envelope(vendor: str, text: str) -> str:
    """Wrap a text up so that only the lab reads it."""
    data = text.encode()
    mac = _mac(vendor, "envelope", data)
    return base64.urlsafe_b64encode(MARKS[vendor] + mac + data).decode()


def opened(vendor: str, data: object) -> str | None:
    """Unwrap a text; None if the envelope is damaged, or another vendor's."""
    if not isinstance(data, str):
        return None
    try:
        raw = base64.b64decode(data.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    mark = MARKS[vendor]
    mac, text = raw[len(mark) : len(mark) + MAC_BYTES], raw[len(mark) + MAC_BYTES :]
    if not raw.startswith(mark) or not hmac.compare_digest(mac, _mac(vendor, "envelope", text)):
        return None
    return text.decode()
