from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from headgate.dialects.openai_responses.provenance import (
    is_replayable,
    own_item,
    read_reasoning,
    unsealed,
)
from headgate.dialects.seals import SealKind, sealed
from headgate.ir.request import Signature, Thinking

OWN = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "One."}, {"type": "summary_text", "text": "Two."}],
    "encrypted_content": "gAAAAB",
}


def test_an_own_item_comes_back_as_it_was() -> None:
    thinking = read_reasoning(OWN)
    assert thinking is not None
    assert thinking.text == "One.\n\nTwo."
    assert not thinking.redacted
    assert own_item(thinking) == OWN


def test_a_text_that_was_changed_is_not_cut_at_old_places() -> None:
    thinking = read_reasoning(OWN)
    assert thinking is not None
    changed = Thinking(text="Something else.", signature=thinking.signature)
    assert own_item(changed)["summary"] == [{"type": "summary_text", "text": "Something else."}]


def test_open_models_think_in_the_content() -> None:
    item: dict[str, Any] = {
        "type": "reasoning",
        "id": "x",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "Hm."}],
    }
    thinking = read_reasoning(item)
    assert thinking is not None
    assert thinking.text == "Hm."
    assert own_item(thinking) == item
    assert is_replayable(own_item(thinking), stored=False)


def test_hidden_thinking_is_redacted() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAB"}
    thinking = read_reasoning(item)
    assert thinking is not None
    assert thinking.redacted
    assert own_item(thinking) == item


def test_an_id_alone_means_nothing_where_nothing_is_stored() -> None:
    thinking = read_reasoning({"type": "reasoning", "id": "rs_1", "summary": []})
    assert thinking is not None
    assert not is_replayable(own_item(thinking), stored=False)
    assert is_replayable(own_item(thinking), stored=True)


def test_reasoning_without_anything_is_none() -> None:
    assert read_reasoning({"type": "reasoning", "summary": []}) is None


def test_bare_encrypted_content_is_taken_as_it_is() -> None:
    part = Thinking(redacted=True, signature=Signature("openai_responses", "gAAAAB"))
    assert own_item(part) == {"type": "reasoning", "encrypted_content": "gAAAAB", "summary": []}


# ------------------------------------------------------------------------ pass-through


def test_an_input_without_envelopes_keeps_its_bytes() -> None:
    sent = msgspec.Raw(b'[ {"role": "user", "content": "hg1. and so on"} ]')
    assert unsealed(sent) is sent


@pytest.mark.parametrize("kind", ["thinking", "redacted", "text", "image", "call"])
def test_other_vendors_proofs_never_reach_an_upstream_of_this_dialect(kind: SealKind) -> None:
    theirs = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "Hm."}],
        "encrypted_content": sealed(kind, Signature("anthropic", "EqQB")),
    }
    user = b'{ "role":"user" , "content":"hello" }'
    sent = msgspec.Raw(b"[%b, %b]" % (user, json.dumps(theirs).encode()))
    assert bytes(unsealed(sent)) == b"[%b]" % user


def test_own_proofs_reach_it_in_their_own_form() -> None:
    thinking = read_reasoning(OWN)
    assert thinking is not None
    item = {
        "type": "reasoning",
        "id": "rs_ours",
        "summary": [{"type": "summary_text", "text": thinking.text}],
        "encrypted_content": sealed("thinking", thinking.signature),
    }
    sent = msgspec.Raw(json.dumps([item]).encode())
    assert json.loads(bytes(unsealed(sent))) == [OWN]


def test_a_text_that_looks_like_an_envelope_stays() -> None:
    sent = msgspec.Raw(b'[{"role":"user","content":"hg1.call.x.y.z"}]')
    assert bytes(unsealed(sent)) == bytes(sent)
    said = msgspec.Raw(b'"hg1.call.x.y.z"')
    assert bytes(unsealed(said)) == bytes(said)
