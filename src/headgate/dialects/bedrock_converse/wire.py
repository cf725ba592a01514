"""Words of the Converse API that requests, replies and streams share: names, proofs, JSON.

Whose proof is a signature? Converse replies do not name the model, but Claude's signatures and
redacted reasoning are the very texts of Anthropic's own API (here the redacted ones are in base64
once more), and Anthropic says that they are valid on every platform that serves Claude. So a proof
that looks like Claude's counts as Anthropic's: it goes to either API, and may come from either.
Anything else that Bedrock gives is Bedrock's own.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ReasoningContentBlock.html;
platform.claude.com/docs/en/build-with-claude/extended-thinking (thinking encryption);
`recordings.md` 5.6, `peers.md` 5.3.
"""

from __future__ import annotations

import base64
import binascii
import re

from headgate.ir.request import Signature

NAME = "bedrock_converse"
CLAUDE = "anthropic"  # the dialect that Claude's proofs belong to

# Base64 of a protobuf message whose second field comes first; redacted ones are wrapped twice,
# which makes the "E" an "R".
_CLAUDES = re.compile(r"E[g-v][A-Za-z0-9+/_-]{6,}|R[WX][A-Za-z0-9+/_-]{6,}")


def decode_signature(text: str) -> Signature | None:
    """Tell whose proof this is. An empty one proves nothing."""
    if not text:
        return None
    return Signature(CLAUDE if _CLAUDES.match(text) else NAME, text)


def decode_redacted(data: str) -> Signature:
    """Read `redactedContent`: of Claude what Anthropic's API calls `data`, else as it came."""
    try:
        text = base64.b64decode(data, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        text = ""
    return Signature(CLAUDE, text) if _CLAUDES.match(text) else Signature(NAME, data)


def encode_redacted(signature: Signature) -> str:
    """Write `redactedContent`."""
    if signature.origin == CLAUDE:
        return base64.b64encode(signature.value.encode()).decode()
    return signature.value
