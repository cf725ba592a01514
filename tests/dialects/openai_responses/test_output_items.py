from __future__ import annotations

from headgate.dialects.openai_responses.output_items import (
    annotations_of,
    call_item,
    call_proof_item,
    image_item,
    image_proof_item,
    json_array,
    logprob_entries,
    own_fields,
    reasoning_item,
    text_proof_item,
)
from headgate.dialects.openai_responses.tools import Offered
from headgate.dialects.seals import opened
from headgate.ir.loss import Losses
from headgate.ir.request import Citation, Inline, Signature, Thinking, ToolCall

GEMINI = Signature("gemini", "s")


def test_all_reasoning_is_sealed_even_without_a_proof() -> None:
    item = reasoning_item("rs_1", Thinking(text="Hm."))
    assert item["summary"] == [{"type": "summary_text", "text": "Hm."}]
    seal = opened(item["encrypted_content"])
    assert seal is not None
    assert (seal.kind, seal.signature) == ("thinking", None)
    hidden = reasoning_item("rs_1", Thinking(redacted=True, signature=GEMINI))
    assert hidden["summary"] == []
    seal = opened(hidden["encrypted_content"])
    assert seal is not None
    assert (seal.kind, seal.signature) == ("redacted", GEMINI)


def test_proofs_on_other_items_are_reasoning_items() -> None:
    items = (
        text_proof_item("rs_1", GEMINI),
        image_proof_item("rs_1", GEMINI),
        call_proof_item("rs_1", "c", GEMINI),
    )
    assert {item["type"] for item in items} == {"reasoning"}
    seals = [opened(item["encrypted_content"]) for item in items]
    assert [seal and seal.kind for seal in seals] == ["text", "image", "call"]


def test_calls_are_made_by_the_names_that_the_caller_gave() -> None:
    space = {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}]}
    call = ToolCall(call_id="c", name="n__f", arguments="{}")
    assert call_item("fc_1", call, Offered([space]), status="completed") == {
        "type": "function_call",
        "id": "fc_1",
        "status": "completed",
        "call_id": "c",
        "name": "f",
        "namespace": "n",
        "arguments": "{}",
    }


def test_free_text_calls_have_their_text() -> None:
    call = ToolCall(call_id="c", name="patch", arguments="*** Begin", custom=True)
    item = call_item("ctc_1", call, Offered(None), status="completed")
    assert (item["type"], item["input"]) == ("custom_tool_call", "*** Begin")


def test_pictures_have_their_data_when_they_are_done() -> None:
    source = Inline("image/webp", "AA==")
    assert image_item("ig_1", source, status="in_progress")["result"] is None
    done = image_item("ig_1", source, status="completed")
    assert (done["result"], done["output_format"]) == ("AA==", "webp")


def test_citations_of_others_become_links() -> None:
    losses = Losses("openai_responses")
    theirs = Citation(url="u", title="t", origin="anthropic", native={"x": 1})
    assert annotations_of([theirs, Citation(title="a book")], 10, 5, losses) == [
        {"type": "url_citation", "start_index": 10, "end_index": 15, "url": "u", "title": "t"}
    ]
    assert [(loss.field, loss.action) for loss in losses] == [
        ("reply.citations", "changed"),
    ]


def test_own_citations_move_with_their_text() -> None:
    native = {"type": "url_citation", "url": "u", "start_index": 0, "end_index": 2}
    own = Citation(url="u", origin="openai_responses", native=native)
    losses = Losses("openai_responses")
    assert annotations_of([own], 0, 2, losses) == [native]
    assert annotations_of([own], 3, 2, losses) == [{**native, "start_index": 3, "end_index": 5}]
    assert len(losses) == 0


def test_every_token_has_its_bytes() -> None:
    losses = Losses("openai_responses")
    rival = {"token": "é", "logprob": -2.0, "bytes": None}
    entry = {"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": [rival]}
    (written,) = logprob_entries({"content": [entry], "refusal": [entry]}, losses)
    assert written["bytes"] == [97]
    assert written["top_logprobs"][0]["bytes"] == [195, 169]
    assert [loss.field for loss in losses] == ["reply.logprobs"]


def test_fields_of_items_stay_behind_and_are_named() -> None:
    losses = Losses("openai_responses")
    extras = {"output.phase": ["commentary"], "content_filters": []}
    assert own_fields(extras, losses) == {"content_filters": []}
    assert [loss.field for loss in losses] == ["reply.output.phase"]


def test_encoded_items_are_joined() -> None:
    assert json_array([b"{}", b"[]"]) == b"[{},[]]"
