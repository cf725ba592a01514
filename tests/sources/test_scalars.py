from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.sources import scalars
from headgate.sources.scalars import UnreadableError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${A}", "1"),
        ("x-${A}-${B:-two}", "x-1-two"),
        ("${EMPTY:-full}", "full"),
        ("${EMPTY}", ""),
        ("${B:-}", ""),
        ("${not closed", "${not closed"),
        ("$A", "$A"),
    ],
)
def test_variables_are_put_in(text: str, value: str) -> None:
    unset: list[str] = []
    assert scalars.expand(text, {"A": "1", "EMPTY": ""}, unset) == value
    assert unset == []


def test_a_variable_that_is_not_set_is_empty_and_named() -> None:
    unset: list[str] = []
    assert scalars.expand("a${NOPE}b", {}, unset) == "ab"
    assert unset == ["NOPE"]


def test_what_a_variable_holds_is_not_expanded_again() -> None:
    assert scalars.expand("${A}", {"A": "${B}", "B": "x"}, []) == "${B}"


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (scalars.seconds, "1.5", 1.5),
        (scalars.seconds, "1_000", 1000.0),
        (scalars.whole, "12", 12),
        (scalars.whole, "5.0", 5),
        (scalars.flag, "True", True),
        (scalars.flag, "off", False),
        (scalars.flag_or_whole, "2", 2),
        (scalars.flag_or_whole, "false", False),
        (scalars.size, "20MB", 20_000_000),
        (scalars.size, "25MiB", 26_214_400),
        (scalars.size, "1_000_000", 1_000_000),
        (scalars.size, "1.5 kb", 1500),
        (scalars.size, "7", 7),
        (scalars.moment, "1970-01-01T00:00:00Z", 0.0),
        (scalars.moment, "2024-01-01T00:00:00+08:00", 1_704_038_400.0),
        (scalars.moment, "2024-01-01 00:00:00", 1_704_067_200.0),
        (scalars.moment, "2024-01-01", 1_704_067_200.0),
        (scalars.moment, "20240101T000000Z", 1_704_067_200.0),
        (scalars.plain, "5", 5),
        (scalars.plain, "0.5", 0.5),
        (scalars.plain, "yes", True),
        (scalars.plain, "~", None),
        (scalars.plain, "2024-01-01", "2024-01-01"),
        (scalars.plain, "gpt-4o", "gpt-4o"),
    ],
)
def test_values_are_read(read: Callable[[str], Any], text: str, value: object) -> None:
    found = read(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (scalars.seconds, "soon"),
        (scalars.seconds, "-1"),
        (scalars.seconds, "inf"),
        (scalars.seconds, "nan"),
        (scalars.whole, "1.5"),
        (scalars.whole, "1e400"),
        (scalars.whole, "many"),
        (scalars.flag, "maybe"),
        (scalars.flag_or_whole, "maybe"),
        (scalars.size, "20 apples"),
        (scalars.size, ""),
        (scalars.moment, "yesterday"),
        (scalars.moment, "2024-13-01"),
        (scalars.plain, ".inf"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(
    read: Callable[[str], Any], text: str
) -> None:
    with pytest.raises(UnreadableError, match=r"write|JSON"):
        read(text)


@settings(deadline=None)  # a busy machine is no defect
@given(
    st.text(max_size=30),
    st.sampled_from(
        [
            scalars.seconds,
            scalars.whole,
            scalars.flag,
            scalars.flag_or_whole,
            scalars.size,
            scalars.moment,
            scalars.plain,
        ]
    ),
)
def test_any_text_is_read_or_refused(text: str, read: Callable[[str], Any]) -> None:
    try:
        read(text)
    except UnreadableError as problem:
        assert str(problem)
