from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.dialects.openai_chat.usage import decode_usage, encode_usage, usage_in
from headgate.ir.usage import Usage


def told(prompt: int, completion: int, total: int, **more: Any) -> dict[str, Any]:
    """Write a usage object."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    return counts | more


@pytest.mark.parametrize(
    ("vendor", "wire", "usage"),
    [
        (
            "openai",
            told(
                1200,
                64,
                1264,
                prompt_tokens_details={"cached_tokens": 1024, "cache_write_tokens": 100},
                completion_tokens_details={"reasoning_tokens": 48},
            ),
            Usage(input=76, cache_read=1024, cache_write=100, output=64, reasoning=48),
        ),
        (
            "xai: the completion leaves reasoning out",
            told(32, 9, 121, completion_tokens_details={"reasoning_tokens": 80}),
            Usage(input=32, output=89, reasoning=80),
        ),
        (
            "gemini's openai path: thoughts are only in the total",
            told(35, 12, 109),
            Usage(input=35, output=74, reasoning=62),
        ),
        (
            "mistral: audio is only in the total",
            told(
                9,
                201,
                585,
                prompt_audio_seconds=4,
                prompt_tokens_details={"cached_tokens": 0, "audio_tokens": 375},
            ),
            Usage(input=384, output=201, audio_input=375),
        ),
        (
            "mistral's cache",
            told(70, 12, 82, num_cached_tokens=69),
            Usage(input=1, cache_read=69, output=12),
        ),
        (
            "deepseek",
            told(50, 5, 55, prompt_cache_hit_tokens=40, prompt_cache_miss_tokens=10),
            Usage(input=10, cache_read=40, output=5),
        ),
        ("moonshot", told(50, 5, 55, cached_tokens=40), Usage(input=10, cache_read=40, output=5)),
        (
            "venice",
            told(60, 5, 65, cache_read_input_tokens=40, cache_creation_input_tokens=10),
            Usage(input=10, cache_read=40, cache_write=10, output=5),
        ),
        (
            "grok on azure: more cached than read",
            told(29, 6, 35, prompt_tokens_details={"cached_tokens": 157}),
            Usage(cache_read=29, output=6),
        ),
        (
            "vercel: more reasoning than completion",
            told(28, 9, 37, completion_tokens_details={"reasoning_tokens": 69}),
            Usage(input=28, output=9, reasoning=9),
        ),
        ("minimax", {"total_tokens": 30, "completion_tokens": 10}, Usage(input=20, output=10)),
        ("voyage", {"total_tokens": 30}, Usage(input=30)),
        ("a lie", told(-5, -9, -14), Usage()),
        ("nulls", told(5, 9, 14, prompt_tokens_details=None), Usage(input=5, output=9)),
    ],
)
def test_every_vendors_arithmetic_ends_in_disjoint_counts(
    vendor: str, wire: dict[str, Any], usage: Usage
) -> None:
    assert decode_usage(wire) == usage, vendor


def test_an_object_without_counts_is_no_usage() -> None:
    assert decode_usage({"queue_time": 0.1}) is None


def test_callers_see_the_cache_as_part_of_the_prompt() -> None:
    wire = encode_usage(Usage(input=7, cache_read=2, cache_write=1, output=8, reasoning=5))
    assert wire["prompt_tokens"] == 10
    assert wire["completion_tokens"] == 8
    assert wire["total_tokens"] == 18
    assert wire["prompt_tokens_details"]["cached_tokens"] == 2
    assert wire["completion_tokens_details"]["reasoning_tokens"] == 5


@pytest.mark.parametrize(
    "body",
    [
        {"usage": told(3, 4, 7)},
        {"usage": None, "x_groq": {"id": "r", "usage": told(3, 4, 7)}},
        {"choices": [{"index": 0, "usage": told(3, 4, 7)}]},
    ],
    ids=["top", "x_groq", "first choice"],
)
def test_usage_is_found_wherever_the_vendor_puts_it(body: dict[str, Any]) -> None:
    assert usage_in(msgspec.json.encode(body)) == Usage(input=3, output=4)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"usage":7}', b'{"usage":null}', b"{}", b'{"a":' + b"[" * 5000],
)
def test_what_holds_no_usage_gives_none(body: bytes) -> None:
    assert usage_in(body) is None


@given(
    st.fixed_dictionaries(
        {name: st.integers(-2, 30) for name in ("prompt_tokens", "completion_tokens")},
        optional={
            "prompt_tokens_details": st.fixed_dictionaries(
                {"cached_tokens": st.integers(-2, 30)}, optional={"audio_tokens": st.integers(0, 9)}
            ),
            "completion_tokens_details": st.fixed_dictionaries(
                {"reasoning_tokens": st.integers(-2, 30)}
            ),
        },
    ),
    st.sampled_from([0, 0, 0, 5]),
)
def test_the_short_way_reads_what_the_long_way_reads(wire: dict[str, Any], off: int) -> None:
    wire = wire | {"total_tokens": wire["prompt_tokens"] + wire["completion_tokens"] + off}
    body = msgspec.json.encode({"choices": [], "usage": wire})
    assert usage_in(body) == decode_usage(wire)
