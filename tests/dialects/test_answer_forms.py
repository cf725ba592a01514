from __future__ import annotations

from headgate.dialects.answer_forms import described_schema, in_words
from headgate.ir.loss import Losses
from headgate.ir.request import Json, ResponseFormat


def described(asked: ResponseFormat) -> tuple[Json | None, list[str]]:
    """The schema, and the losses that were named."""
    losses = Losses("some wire")
    return described_schema(asked, losses), [loss.field for loss in losses]


def test_a_description_goes_into_the_schema() -> None:
    asked = ResponseFormat(kind="json_schema", schema={"type": "object"}, description="An age")
    assert described(asked) == ({"type": "object", "description": "An age"}, [])


def test_a_name_and_a_second_description_are_named() -> None:
    schema = {"type": "object", "description": "A person"}
    asked = ResponseFormat(kind="json_schema", schema=schema, name="p", description="An age")
    assert described(asked) == (
        schema,
        ["response_format.json_schema.name", "response_format.json_schema.description"],
    )


def test_where_there_is_no_schema_nothing_vanishes() -> None:
    asked = ResponseFormat(kind="json_schema", name="p", description="An age")
    assert described(asked) == (
        None,
        ["response_format.json_schema.name", "response_format.json_schema.description"],
    )


def test_a_system_prompt_may_ask_for_json() -> None:
    assert "JSON" in in_words(None)
    assert in_words({"type": "object"}).endswith('\n{"type":"object"}')
