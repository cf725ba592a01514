from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.dialects.gemini.usage import decode_usage, encode_usage
from headgate.ir.request import Json
from headgate.ir.usage import Usage

counts = st.integers(0, 10_000)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Counts that Gemini can tell: it knows no writing to a cache and no searches."""
    fresh, spoken, reasoning = draw(counts), draw(counts), draw(counts)
    audio_in, audio_out = draw(st.integers(0, fresh)), draw(st.integers(0, spoken))
    return Usage(
        input=fresh,
        cache_read=draw(counts),
        output=spoken + reasoning,
        reasoning=reasoning,
        audio_input=audio_in,
        image_input=draw(st.integers(0, fresh - audio_in)),
        audio_output=audio_out,
        image_output=draw(st.integers(0, spoken - audio_out)),
    )


def test_thoughts_are_outside_of_the_candidates_and_the_cache_inside_of_the_prompt() -> None:
    """K86 of uni-api."""
    usage = decode_usage(
        {
            "promptTokenCount": 4,
            "cachedContentTokenCount": 1,
            "candidatesTokenCount": 3,
            "thoughtsTokenCount": 5,
            "totalTokenCount": 12,
        }
    )
    assert usage == Usage(input=3, cache_read=1, output=8, reasoning=5)
    assert usage.total == 12


def test_what_tools_read_is_input() -> None:
    usage = decode_usage({"promptTokenCount": 10, "toolUsePromptTokenCount": 5})
    assert usage == Usage(input=15)


@pytest.mark.parametrize("modality", ["AUDIO", 4])
def test_details_are_counted_by_modality(modality: object) -> None:
    def detail(count: int) -> list[Json]:
        return [{"modality": "TEXT", "tokenCount": 1}, {"modality": modality, "tokenCount": count}]

    usage = decode_usage(
        {
            "promptTokenCount": 20,
            "cachedContentTokenCount": 5,
            "candidatesTokenCount": 9,
            "promptTokensDetails": detail(12),
            "toolUsePromptTokensDetails": detail(2),
            "cacheTokensDetails": detail(4),
            "candidatesTokensDetails": detail(8),
        }
    )
    assert (usage.audio_input, usage.audio_output) == (10, 8)


@pytest.mark.parametrize(
    "wire",
    [
        {},
        {"promptTokenCount": None, "candidatesTokenCount": "9", "cachedContentTokenCount": 7},
        {"promptTokenCount": -3, "promptTokensDetails": [1, {"modality": "AUDIO"}]},
        {"candidatesTokensDetails": 3, "cacheTokensDetails": [{"modality": 99, "tokenCount": 1}]},
        {"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 50}]},
    ],
)
def test_nonsense_counts_as_nothing(wire: Json) -> None:
    assert decode_usage(wire) == Usage()


@given(usages())
def test_usage_goes_and_comes_back(usage: Usage) -> None:
    assert decode_usage(encode_usage(usage)) == usage


@given(usages())
def test_the_total_is_the_sum_of_its_parts(usage: Usage) -> None:
    wire = encode_usage(usage)
    parts = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    assert wire["totalTokenCount"] == sum(wire.get(part, 0) for part in parts)


def test_what_is_written_to_a_cache_counts_as_read() -> None:
    assert encode_usage(Usage(input=1, cache_read=2, cache_write=4))["promptTokenCount"] == 7
