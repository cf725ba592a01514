from __future__ import annotations

import pytest

from headgate.dialects.dialect import UpstreamError
from headgate.dialects.told_errors import detail_text, status_of, told_error


def test_values_of_a_wrong_type_count_as_absent() -> None:
    assert told_error(message=["m"], kind=True, code={}, param=1.5, retry_after_s="1") == (
        UpstreamError()
    )


def test_the_first_status_counts() -> None:
    assert told_error(statuses=("no", 200, "429", 503)).status == 429


@pytest.mark.parametrize(
    ("value", "status"),
    [(400, 400), ("503", 503), (200, None), ("4" * 5_000, None), (True, None), (4.5, None)],
)
def test_a_status_is_a_number_or_its_digits(value: object, status: int | None) -> None:
    assert status_of(value) == status


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        ("m", "m"),
        ([{"msg": "a", "loc": ["body", 0]}, {"msg": "b"}, "c", 1], "body.0: a; b; c"),
        ({"message": "m"}, "m"),
        (None, ""),
    ],
)
def test_details_are_told_in_one_line(detail: object, text: str) -> None:
    assert detail_text(detail) == text


def test_keys_in_messages_are_masked() -> None:
    error = told_error(message="Incorrect API key provided: sk-abcdefghijklmnop.")
    assert "abcdefgh" not in error.message


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 20s.", 20.0),
        ("Please try again in 1m20s.", 80.0),
        ("Please try again in 250ms.", 0.25),
        ("Please retry after 7 seconds.", 7.0),
        ("Try again in a while", None),
        ("no", None),
    ],
)
def test_a_wait_told_in_words_is_understood(message: str, seconds: float | None) -> None:
    assert told_error(message=message).retry_after_s == seconds
    assert told_error(message=message, retry_after_s=3).retry_after_s == 3
