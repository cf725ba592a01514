from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from headgate.dialects.seals import Seal, opened, packed, sealed, unpacked
from headgate.ir.request import Signature


@given(st.sampled_from(["anthropic", "gemini"]), st.text(), st.text())
def test_an_envelope_gives_back_what_was_put_in(origin: str, value: str, call_id: str) -> None:
    signature = Signature(origin, value)
    assert opened(sealed("call", signature, call_id)) == Seal(
        kind="call", signature=signature, call_id=call_id
    )


def test_thinking_without_a_proof_is_known_again_as_ours() -> None:
    assert opened(sealed("thinking", None)) == Seal(kind="thinking", signature=None)


def test_other_content_is_no_envelope() -> None:
    for text in (
        "gAAAAB",
        "",
        None,
        "hg1.",
        "hg1.a.b.c.d",
        "hg1.call.gemini.A.x",
        "hg1.call.gemini.é.x",
    ):
        assert opened(text) is None


def test_only_thoughts_are_thinking() -> None:
    kinds = ("thinking", "redacted", "text", "image", "call")
    seals = [opened(sealed(kind, None)) for kind in kinds]  # type: ignore[arg-type]  # literals all
    assert [seal.is_thinking for seal in seals if seal] == [True, True, False, False, False]


@given(st.text())
def test_a_text_is_packed_into_letters_of_ids(text: str) -> None:
    assert unpacked(packed(text)) == text
    assert set(packed(text)) <= set(string.ascii_letters + string.digits + "_-")


def test_what_was_never_packed_is_told() -> None:
    assert [unpacked(text) for text in ("A", "é", "_w")] == [None, None, None]
