from __future__ import annotations

import pytest

from headgate.lab.wires.openai_other import event, missing, number, read, refusal, text
from headgate.lab.wires.question import Json
from tests.lab.asking import decoded, other


@pytest.mark.parametrize(
    ("body", "model", "stream"),
    [
        ({"model": "m", "stream": True}, "m", True),
        ({"model": "m", "stream": "true"}, "m", True),
        ({"model": ["m"], "stream": "false"}, "", False),
        ({}, "", False),
    ],
)
def test_forms_and_json_say_the_same(body: Json, model: str, stream: bool) -> None:
    assert (read(body).model, read(body).stream) == (model, stream)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3), ("3", 3), ("-3", 7), (True, 7), (None, 7), ("9" * 5000, 10**9 - 1)],
)
def test_a_number_may_be_text(value: object, expected: int) -> None:
    assert number(value, 7) == expected


def test_a_text_is_text_or_nothing() -> None:
    asked = other("images", prompt="a", n=3)
    assert (text(asked, "prompt"), text(asked, "n"), text(asked, "x")) == ("a", "", "")


def test_refusals_are_openais() -> None:
    assert missing("file").status == 400
    assert decoded(missing("file"))["error"]["type"] == "invalid_request_error"
    assert decoded(refusal("gone", 404))["error"]["code"] == "not_found"


def test_an_event_may_carry_its_name() -> None:
    assert event({"type": "a.b"}) == b'data: {"type":"a.b"}\n\n'
    assert event({"type": "a.b"}, named=True) == b'event: a.b\ndata: {"type":"a.b"}\n\n'
