from __future__ import annotations

from typing import Any

import pytest
from msgspec import json

from headgate.lab.wires.models import entry, listing
from headgate.lab.wires.question import Question


def asked(wire: str) -> Question:
    return Question(wire=wire, operation="models", model="a", models=("a", "b"))


@pytest.mark.parametrize(
    ("wire", "key", "field", "names"),
    [
        ("openai", "data", "id", ["a", "b"]),
        ("anthropic", "data", "id", ["a", "b"]),
        ("gemini", "models", "name", ["models/a", "models/b"]),
    ],
)
def test_a_list_has_the_shape_of_its_provider(
    wire: str, key: str, field: str, names: list[str]
) -> None:
    page: Any = json.decode(listing(asked(wire)))
    assert [model[field] for model in page[key]] == names
    assert json.decode(entry(asked(wire))) == page[key][0]


def test_anthropics_list_is_one_page() -> None:
    page: Any = json.decode(listing(asked("anthropic")))
    assert (page["has_more"], page["first_id"], page["last_id"]) == (False, "a", "b")
