from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headgate.dialects.gemini.citations import (
    decode_citations,
    decode_grounding,
    encode_citations,
    moved,
)
from headgate.ir.request import Citation, Json

TEXT = "Zürich is wet."


def grounding(segment: Json, *indices: int) -> Json:
    return {
        "groundingChunks": [{"web": {"uri": "u", "title": "t"}}, {"web": {"uri": "v"}}],
        "groundingSupports": [{"segment": segment, "groundingChunkIndices": list(indices)}],
    }


def test_bytes_of_the_wire_become_characters() -> None:
    wire = grounding({"startIndex": 8, "endIndex": 15, "text": "is wet."}, 0, 1)
    assert list(decode_grounding(wire, TEXT)) == [
        Citation(url="u", title="t", start=7, end=14),
        Citation(url="v", start=7, end=14),
    ]


def test_a_span_that_does_not_match_is_found_by_its_text() -> None:
    wire = grounding({"startIndex": 99, "endIndex": 120, "text": "wet"}, 0)
    assert list(decode_grounding(wire, TEXT)) == [Citation(url="u", title="t", start=10, end=13)]
    wire = grounding({"endIndex": 4, "text": "dry"}, 0)
    assert list(decode_grounding(wire, TEXT)) == [Citation(url="u", title="t")]


def test_sources_without_spans_are_citations_too() -> None:
    wire = {"groundingChunks": [{"retrievedContext": {"title": "t", "text": "said"}}, {}]}
    assert list(decode_grounding(wire, TEXT)) == [
        Citation(title="t", cited_text="said"),
        Citation(),
    ]


def test_citation_metadata_is_read_under_both_names() -> None:
    entry = {"startIndex": 0, "endIndex": 7, "uri": "u"}
    for name in ("citations", "citationSources"):
        assert list(decode_citations({name: [entry, 3]}, TEXT)) == [
            Citation(url="u", start=0, end=6)
        ]


def test_nonsense_is_no_citation() -> None:
    wire = {"groundingChunks": 3, "groundingSupports": [{"groundingChunkIndices": [5, "x"]}, 1]}
    assert list(decode_grounding(wire, TEXT)) == []


@given(
    st.text("aü \n", min_size=3, max_size=20),
    st.lists(
        st.builds(
            Citation,
            url=st.sampled_from(["u", "v"]),
            title=st.sampled_from(["", "t"]),
            cited_text=st.sampled_from(["", "said"]),
            start=st.integers(0, 1),
            end=st.integers(2, 3),
        ),
        max_size=3,
    ),
)
def test_citations_go_and_come_back(text: str, citations: list[Citation]) -> None:
    assert list(decode_grounding(encode_citations(citations, text), text)) == citations


def test_spans_move_with_the_texts_before_theirs() -> None:
    citations = (Citation(url="u", start=1, end=2), Citation(url="v"))
    assert list(moved(citations, 5)) == [Citation(url="u", start=6, end=7), Citation(url="v")]
