from __future__ import annotations

import pytest

from headgate.dialects.gemini.models import OUTPUT_65535, WEB_URLS, family_of
from headgate.providers.catalog import CATALOG


@pytest.mark.parametrize(
    ("model", "cap", "default"),
    [
        ("gemini-2.5-pro", 65_536, 65_536),
        ("models/Gemini-3-flash-preview", 65_536, 65_536),
        ("gemini-flash-latest", 65_536, 65_536),
        ("gemini-2.0-flash-lite", 8192, 8192),
        ("gemini-1.5-pro", 8192, 8192),
        ("gemma-3-27b-it", 8192, 8192),
        ("gemini-2.5-flash-image", 32_768, None),
        ("gemini-2.5-flash-preview-tts", 16_384, None),
        ("my-tuned-model", 65_536, 8192),
    ],
)
def test_families_limit_the_output(model: str, cap: int, default: int | None) -> None:
    family = family_of(model)
    assert (family.output_cap, family.output_default) == (cap, default)


@pytest.mark.parametrize(
    ("model", "budgets"),
    [
        ("gemini-2.5-pro", (128, 32_768)),
        ("gemini-2.5-flash", (1, 24_576)),
        ("gemini-2.5-flash-lite", (512, 24_576)),
        ("gemini-2.0-flash", None),
        ("gemini-3-flash-preview", None),
    ],
)
def test_the_second_generation_thinks_by_budget(
    model: str, budgets: tuple[int, int] | None
) -> None:
    assert family_of(model).budgets == budgets


@pytest.mark.parametrize(
    ("model", "levels"),
    [
        ("gemini-3-pro-preview", ("low", "high")),
        ("gemini-3.1-pro-preview", ("low", "medium", "high")),
        ("gemini-3.5-flash", ("minimal", "low", "medium", "high")),
        ("gemini-2.5-flash", ()),
    ],
)
def test_the_third_generation_thinks_by_level(model: str, levels: tuple[str, ...]) -> None:
    assert family_of(model).levels == levels


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("gemini-2.5-pro", True),
        ("gemini-3-pro-image-preview", True),
        ("gemini-2.5-flash-image", False),
        ("gemini-2.5-flash-preview-tts", False),
        ("gemini-1.5-flash", False),
    ],
)
def test_some_models_cannot_be_told_to_think(model: str, thinks: bool) -> None:
    assert family_of(model).thinks is thinks


def test_only_the_third_generation_wants_signatures() -> None:
    assert family_of("gemini-3-pro-preview").wants_signatures
    assert not family_of("gemini-2.5-pro").wants_signatures


@pytest.mark.parametrize(("provider", "differs"), [("vertex", True), ("gemini", False)])
def test_a_row_says_how_its_upstream_differs(provider: str, differs: bool) -> None:
    assert (CATALOG[provider].traits >= {WEB_URLS, OUTPUT_65535}) is differs
