"""Keeping secrets out of texts: fingerprints to name a key by, and masking."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_SHORTEST_MASKED = 4
# Spellings of keys as vendors print them back in error texts ("Incorrect API key provided: sk-...").
_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|xai|gsk|AIza|AKIA|ya29|hf|r8|nvapi|tvly|jina|pplx|fw|co)[-_.]?[A-Za-z0-9*_\-.]{12,}"
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
