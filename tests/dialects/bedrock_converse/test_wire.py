from __future__ import annotations

import base64

import pytest

from headgate.dialects.bedrock_converse.wire import (
    decode_redacted,
    decode_signature,
    encode_redacted,
)
from headgate.ir.request import Signature
from tests.dialects.bedrock_converse.asked import PROOF


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        (PROOF, "anthropic"),
        ("EtkBCkgIEBABGAIqQIyk4xd3", "anthropic"),
        ("RXRrRUNrZ0lCeEFCR0FJcVFK", "anthropic"),  # the form that is wrapped twice
        ("RaBUjEyMzQ1Njc4", "bedrock_converse"),
        ("something else", "bedrock_converse"),
        ("Egg", "bedrock_converse"),
    ],
)
def test_a_proof_that_looks_like_claudes_is_anthropics(text: str, origin: str) -> None:
    assert decode_signature(text) == Signature(origin, text)


def test_an_empty_signature_proves_nothing() -> None:
    assert decode_signature("") is None


def test_redacted_reasoning_of_claude_is_what_anthropics_api_calls_data() -> None:
    wire = base64.b64encode(PROOF.encode()).decode()
    signature = decode_redacted(wire)
    assert signature == Signature("anthropic", PROOF)
    assert encode_redacted(signature) == wire


@pytest.mark.parametrize("data", ["AAEC/w==", "not base64!", base64.b64encode(b"text").decode()])
def test_redacted_reasoning_of_others_is_kept_as_it_came(data: str) -> None:
    signature = decode_redacted(data)
    assert signature == Signature("bedrock_converse", data)
    assert encode_redacted(signature) == data
