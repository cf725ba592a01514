from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.dialects.openai_chat.provenance import (
    detail_of,
    extra_content_signature,
    reasoning_fields,
    signature_in,
    signed_call_id,
    thinking_of,
    unsigned_call_id,
    with_unsigned_ids,
)
from headgate.ir.request import Signature, Thinking, ToolCall

CLAUDE = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
OPENAI = {
    "type": "reasoning.encrypted",
    "data": "gAAA",
    "format": "openai-responses-v1",
    "id": "rs_1",
}


def test_a_signed_text_of_claude_is_anthropics() -> None:
    (part,) = thinking_of("hm", [{**CLAUDE, "text": "hm", "signature": "sig"}])
    assert part == Thinking(text="hm", signature=Signature("anthropic", "sig"))


def test_a_signature_without_its_text_belongs_to_the_text_beside() -> None:
    (part,) = thinking_of("hm", [{**CLAUDE, "signature": "sig"}])
    assert part == Thinking(text="hm", signature=Signature("anthropic", "sig"))


def test_details_repeat_the_text_and_do_not_double_it() -> None:
    summaries = [{"type": "reasoning.summary", "summary": text} for text in ("a", "b")]
    assert thinking_of("ab", summaries) == [Thinking(text="ab")]
    assert thinking_of("", summaries) == [Thinking(text="ab")]


def test_what_openrouter_wants_back_unchanged_comes_back_unchanged() -> None:
    (part,) = thinking_of("", [{**OPENAI, "index": 3}])
    assert part.redacted
    assert part.signature is not None
    assert part.signature.origin == "openai_chat"
    assert detail_of(part, 3) == {**OPENAI, "index": 3}


def test_unsigned_thinking_is_given_as_text_alone() -> None:
    assert reasoning_fields([Thinking(text="hm")]) == {"reasoning_content": "hm"}
    assert reasoning_fields([]) == {}


def test_one_signature_makes_all_parts_known_by_details() -> None:
    parts = [Thinking(text="a", signature=Signature("anthropic", "s")), Thinking(text="b")]
    assert reasoning_fields(parts) == {
        "reasoning_content": "ab",
        "reasoning_details": [
            {**CLAUDE, "text": "a", "signature": "s"},
            {"type": "reasoning.text", "text": "b", "index": 1},
        ],
    }


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=16), st.text(min_size=1)
)
def test_a_gemini_signature_travels_in_the_call_id(value: str, call_id: str) -> None:
    call = ToolCall(call_id=call_id, name="f", signature=Signature("gemini", value))
    shown = signed_call_id(call)
    assert shown.startswith("call_")
    assert signature_in(shown) == Signature("gemini", value)
    assert unsigned_call_id(shown) == call_id


def test_an_id_is_signed_once() -> None:
    call = ToolCall(call_id="c", name="f", signature=Signature("gemini", "s" * 20))
    shown = signed_call_id(call)
    again = ToolCall(call_id=shown, name="f", signature=signature_in(shown))
    assert signed_call_id(again) == shown


def test_another_vendors_signature_does_not_touch_the_id() -> None:
    call = ToolCall(call_id="c", name="f", signature=Signature("anthropic", "s" * 20))
    assert signed_call_id(call) == "c"


@pytest.mark.parametrize(
    "call_id",
    ["", "call_abc", "call_0123456789abcdef0123.x", "toolu_01.x", "call_.x", f"call_{'A' * 16}."],
)
def test_an_ordinary_id_holds_no_signature(call_id: str) -> None:
    assert signature_in(call_id) is None
    assert unsigned_call_id(call_id) == call_id


def test_ids_of_a_passing_body_lose_their_signature_and_nothing_else() -> None:
    shown = signed_call_id(
        ToolCall(call_id="c-1", name="f", signature=Signature("gemini", "s" * 20))
    ).encode()
    sent = (
        b'[{"tool_calls": [{"id": "%b"}, {"id":"call_short"}], "content": "\\"id\\":\\"%b\\""},'
        b' {"tool_call_id":"%b"}, {"tool_call_id": "%b"}]'
    )
    another_gateways = b"call_" + b"QUFB" * 20 + b".x"
    given = msgspec.Raw(sent % (shown, shown, shown, another_gateways))
    expected = sent % (b"c-1", shown, b"c-1", another_gateways)
    assert bytes(with_unsigned_ids(given)) == expected


@pytest.mark.parametrize(
    ("extra", "signature"),
    [
        ({"google": {"thought_signature": "s"}}, Signature("gemini", "s")),
        ({"google": {"thought_signature": ""}}, None),
        ({"google": None}, None),
        (None, None),
    ],
)
def test_geminis_openai_path_puts_signatures_beside_the_call(
    extra: Any, signature: Signature | None
) -> None:
    assert extra_content_signature(extra) == signature


@pytest.mark.parametrize("redacted", [False, True])
def test_a_proof_of_any_maker_comes_back_to_its_maker(redacted: bool) -> None:
    proof = Signature("openai_responses", '{"encrypted_content":"gAAA","id":"rs_1"}')
    text = "" if redacted else "hm"
    part = Thinking(text=text, signature=proof, redacted=redacted)
    assert thinking_of("", [detail_of(part, 0)]) == [part]
