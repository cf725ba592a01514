"""Schemas that the API takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.dialects.strict_schema import (
    EMPTY,
    answer_schema,
    object_schema,
    strict_schema,
    tool_schema,
)
from headgate.ir.loss import Losses
from headgate.ir.request import Tool


def test_objects_are_closed_at_every_depth() -> None:
    schema, changed = strict_schema(
        {
            "type": "object",
            "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}},
            "$defs": {"b": {"type": ["object", "null"]}},
        }
    )
    assert changed
    assert schema["additionalProperties"] is False
    assert schema["properties"]["a"]["items"]["additionalProperties"] is False
    assert schema["$defs"]["b"]["additionalProperties"] is False


def test_limits_become_words() -> None:
    schema, changed = strict_schema(
        {"type": "integer", "minimum": 1, "description": "An age", "exclusiveMaximum": 150}
    )
    assert changed
    assert schema == {
        "type": "integer",
        "description": "An age\n\n{minimum: 1, exclusiveMaximum: 150}",
    }


@pytest.mark.parametrize(
    ("schema", "kept"),
    [
        ({"type": "string", "format": "date"}, True),
        ({"type": "string", "format": "phone"}, False),
        ({"type": "array", "minItems": 1}, True),
        ({"type": "array", "minItems": 2}, False),
        ({"type": "string", "pattern": "^a$"}, True),
        ({"type": "string", "enum": ["a"]}, True),
    ],
)
def test_what_the_api_knows_stays(schema: dict[str, Any], kept: bool) -> None:
    assert strict_schema(schema) == (schema, False) if kept else strict_schema(schema)[1]


def test_a_property_may_be_called_like_a_limit() -> None:
    schema = {
        "type": "object",
        "properties": {"minimum": {"type": "integer"}},
        "additionalProperties": False,
    }
    assert strict_schema(schema) == (schema, False)


def test_a_choice_of_one_becomes_a_choice_of_any() -> None:
    schema, _ = strict_schema({"oneOf": [{"type": "string"}, {"type": "null"}]})
    assert schema == {"anyOf": [{"type": "string"}, {"type": "null"}]}


@given(
    st.recursive(
        st.fixed_dictionaries({"type": st.sampled_from(["object", "string"])}),
        lambda inner: st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
                "minProperties": st.integers(0, 3),
            }
        ),
        max_leaves=5,
    )
)
def test_cleaning_twice_changes_nothing_more(schema: dict[str, Any]) -> None:
    cleaned, _ = strict_schema(schema)
    assert strict_schema(cleaned) == (cleaned, False)


@pytest.mark.parametrize(
    ("schema", "written", "weakened"),
    [
        (None, EMPTY, False),
        ({}, EMPTY, False),
        ({"properties": {}}, {"type": "object", "properties": {}}, False),
        ({"type": "object", "anyOf": []}, {"type": "object"}, True),
        ({"type": "string"}, EMPTY, True),
    ],
)
def test_a_tools_schema_is_an_object(
    schema: dict[str, Any] | None, written: dict[str, Any], weakened: bool
) -> None:
    assert object_schema(schema) == (written, weakened)


def test_what_is_not_enforced_is_told_in_the_description() -> None:
    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "description": "A number."},
            "s": {"type": "string", "format": "date"},
            "f": {"type": "string", "format": "odd"},
            "l": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "o": {"oneOf": [{"maxLength": 3}, True]},
        },
        "additionalProperties": {"type": "string"},
    }
    cleaned, changed = strict_schema(schema)
    assert changed
    assert cleaned == {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "description": "A number.\n\n{minimum: 1}"},
            "s": {"type": "string", "format": "date"},
            "f": {"type": "string", "description": '{format: "odd"}'},
            "l": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "object", "additionalProperties": False},
            },
            "o": {"anyOf": [{"description": "{maxLength: 3}"}, True]},
        },
        "additionalProperties": False,
        "description": '{additionalProperties: {"type":"string"}}',
    }


def test_a_closed_schema_stays_as_it_is() -> None:
    schema = {"type": ["object", "null"], "properties": {}, "additionalProperties": False}
    assert strict_schema(schema) == (schema, False)


@pytest.mark.parametrize(
    ("strict", "structured", "lost"),
    [
        (None, True, []),
        (True, True, ["tools[0].function.parameters"]),
        (True, False, ["tools[0].function.strict"]),
        (False, False, []),
    ],
)
def test_a_strict_tool_has_a_strict_schema(
    strict: bool | None, structured: bool, lost: list[str]
) -> None:
    losses = Losses("some wire")
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
    tool = Tool(name="f", schema=schema, strict=strict)
    written = tool_schema(tool, "tools[0]", structured, losses)
    assert (written == schema) == (not (strict and structured))
    assert [loss.field for loss in losses] == lost


def test_a_changed_schema_of_an_answer_is_named() -> None:
    losses = Losses("some wire")
    assert answer_schema({"type": "object"}, losses)["additionalProperties"] is False
    assert [loss.field for loss in losses] == ["response_format.json_schema.schema"]
