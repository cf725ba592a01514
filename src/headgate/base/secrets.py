"""Keeping secrets out of texts: fingerprints to name a key by, and masking."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_SHORTEST_MASKED = 4
# Keys as vendors print them back in error texts ("Incorrect API key provided: sk-...").
# Each needs its separator, and a prefix that no error code or model name begins with: a mask over
# `context_length_exceeded` or `jina-embeddings-v3` would hide what went wrong.
_KEY_LIKE = re.compile(
    r"\b(?:(?:sk|pk|rk|gsk|xai|nvapi|tvly)[-_]|(?:hf|r8|fw|jina)_|AIza|AKIA|ya29\."
    r"|pplx-(?=[A-Za-z0-9]{12}))"
    r"[A-Za-z0-9*_\-.]{12,}"
)


def fingerprint(secret: str) -> str:
    """Name a secret without telling it: the first 10 hex digits of its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()[:10]


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """Take known secrets, and whatever looks like a vendor's key, out of a text."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_MASKED:
            text = text.replace(secret, "***")
    return _KEY_LIKE.sub("***", text)
