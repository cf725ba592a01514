from __future__ import annotations

from headgate.dialects.cohere.citations import decode_citation, encode_citations, unplaced
from headgate.ir.request import Citation

DOCUMENT = {"type": "document", "id": "d-0", "document": {"id": "d-0", "text": "Green.", "n": 1}}
TOOL = {
    "type": "tool",
    "id": "https://example.org/facts",
    "tool_output": {"title": "Facts", "text": "Green it is.", "url": "https://example.org/f"},
}
WIRE = {"start": 3, "end": 8, "text": "green", "sources": [DOCUMENT, TOOL], "content_index": 1}


def test_each_source_of_a_span_is_a_citation_with_its_own_words() -> None:
    first, second = decode_citation(WIRE)
    assert first == Citation(
        title="d-0",
        cited_text="Green.",
        start=3,
        end=8,
        origin="cohere",
        native={**WIRE, "sources": [DOCUMENT]},
    )
    assert (second.url, second.title, second.cited_text) == (
        "https://example.org/f",
        "Facts",
        "Green it is.",
    )


def test_a_sources_id_may_be_its_address() -> None:
    source = {"type": "tool", "id": "https://example.org/x", "tool_output": {"a": "b"}}
    (found,) = decode_citation({"sources": [source]})
    assert (found.url, found.title, found.start) == ("https://example.org/x",) * 2 + (None,)


def test_a_citation_without_sources_and_with_nonsense_for_offsets_is_kept() -> None:
    (found,) = decode_citation({"start": -1, "end": "5", "sources": None})
    assert found == Citation(origin="cohere", native={"start": -1, "end": "5", "sources": None})


def test_a_span_of_other_words_is_taken_away() -> None:
    (found, _) = unplaced(decode_citation(WIRE))
    assert (found.start, found.end, found.title) == (None, None, "d-0")


def test_our_citations_go_back_under_their_new_block_and_others_are_told_apart() -> None:
    ours = decode_citation(WIRE)
    written, foreign = encode_citations(ours, 0)
    assert [each["sources"] for each in written] == [[DOCUMENT], [TOOL]]
    assert [each["content_index"] for each in written] == [0, 0]
    assert not foreign
    assert encode_citations([Citation(url="https://a.example", origin="gemini")], 0) == ([], True)
