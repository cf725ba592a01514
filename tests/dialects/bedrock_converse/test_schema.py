from __future__ import annotations

import pytest

from headgate.dialects.bedrock_converse.schema import object_schema, strict_schema
from headgate.ir.request import Json


@pytest.mark.parametrize(
    ("schema", "written", "weakened"),
    [
        (None, {"type": "object", "properties": {}}, False),
        ({}, {"type": "object", "properties": {}}, False),
        ({"properties": {}}, {"type": "object", "properties": {}}, False),
        ({"type": "string"}, {"type": "object", "properties": {}}, True),
        ({"type": "object", "anyOf": []}, {"type": "object"}, True),
    ],
)
def test_a_tools_schema_is_an_object_without_unions(
    schema: Json | None, written: Json, weakened: bool
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
