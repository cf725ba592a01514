"""What is read from a body's top level, and what is refused there."""

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.relay.call import asks_for_usage, flag_field, text_field
from tests.calls import call


def fields(body: dict[str, Any]) -> dict[str, msgspec.Raw]:
    return call(body).fields


def test_value_is_decoded_when_it_is_asked_for() -> None:
    asked = call({"model": "gpt", "tools": [{"a": 1}]})
    assert asked.value("tools") == [{"a": 1}]
    assert asked.value("absent") is None


@pytest.mark.parametrize(
    ("body", "bound"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7, "max_tokens": 5}, 7),
        ({"max_output_tokens": 9}, 9),
        ({"max_tokens": None}, None),
        ({"max_tokens": "5"}, None),
        ({"max_tokens": True}, None),
        ({"max_tokens": -5}, 0),
        ({"max_tokens": 2**60}, 10_000_000),
    ],
)
def test_bound_on_the_output_is_read_in_every_spelling(
    body: dict[str, Any], bound: int | None
) -> None:
    assert call(body).max_tokens() == bound


def test_text_is_given_back() -> None:
    assert text_field(fields({"model": "gpt"}), "model") == "gpt"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "`model` is required"),
        ({"model": None}, "`model` must be a non-empty string"),
        ({"model": ""}, "`model` must be a non-empty string"),
        ({"model": []}, "`model` must be a non-empty string"),
        ({"model": "m" * 1001}, "`model` must be a non-empty string of at most 1000 characters"),
    ],
)
def test_what_is_no_short_text_is_refused(body: dict[str, Any], message: str) -> None:
    with pytest.raises(RelayError) as refused:
        text_field(fields(body), "model")
    failure = refused.value.failure
    assert (failure.kind, failure.message) == (FailureKind.INVALID_REQUEST, message)
    assert failure.param == "model"


@pytest.mark.parametrize(
    ("body", "flag"),
    [({}, False), ({"stream": True}, True), ({"stream": False}, False), ({"stream": None}, False)],
)
def test_flag_is_true_or_false(body: dict[str, Any], flag: bool) -> None:
    assert flag_field(fields(body), "stream") is flag


@pytest.mark.parametrize("value", ["true", 1, 0, [], {}])
def test_flag_is_nothing_else(value: Any) -> None:
    with pytest.raises(RelayError, match="`stream` must be true or false"):
        flag_field(fields({"stream": value}), "stream")


@pytest.mark.parametrize(
    ("options", "asks"),
    [
        ({"include_usage": True}, True),
        ({"include_usage": False}, False),
        ({"include_usage": "yes"}, False),
        ({}, False),
        (None, False),
        ([], False),
    ],
)
def test_usage_chunk_is_asked_for_with_true_alone(options: Any, asks: bool) -> None:
    assert asks_for_usage(fields({"stream_options": options})) is asks


def test_usage_chunk_is_not_asked_for_by_silence() -> None:
    assert not asks_for_usage(fields({}))


@pytest.mark.parametrize(
    ("asked", "answers"),
    [({}, 1), ({"n": 3}, 3), ({"n": 0}, 1), ({"n": "9"}, 1), ({"n": 10**6}, 128)],
)
def test_number_of_answers_is_a_sensible_one(asked: dict[str, Any], answers: int) -> None:
    assert call({"model": "gpt", **asked}).answers() == answers
