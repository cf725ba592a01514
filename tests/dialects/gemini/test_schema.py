from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.dialects.gemini.schema import as_json_schema, from_subset, to_subset
from headgate.ir.request import Json

STRING = {"type": "string"}


def cleaned(schema: Json) -> Json:
    """Clean a schema that loses nothing by it."""
    found = to_subset(schema)
    assert found.lost == ()
    return found.schema


def lost(schema: Json) -> tuple[str, ...]:
    return to_subset(schema).lost


def object_of(**properties: Json) -> Json:
    return {"type": "object", "properties": properties}


def test_a_schema_of_the_subset_stays_as_it_is() -> None:
    schema = {
        "type": "object",
        "description": "d",
        "properties": {
            "a": {"type": "string", "enum": ["x", "y"]},
            "b": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "c": {"type": "string", "format": "date-time", "nullable": True},
        },
        "required": ["a"],
    }
    assert cleaned(schema) == schema


def test_what_only_annotates_is_left_out() -> None:
    schema = object_of(a=STRING | {"examples": ["x"], "readOnly": True, "x-own": 1})
    noise = {"$schema": "https://…", "$id": "i", "$comment": "c", "additionalProperties": False}
    assert cleaned(schema | noise) == object_of(a=STRING)


def test_a_default_is_told_in_the_description() -> None:
    assert cleaned(STRING | {"default": "x", "description": "d"}) == STRING | {
        "description": "d\nDefault: x"
    }
    assert cleaned({"type": "integer", "default": 3})["description"] == "Default: 3"


def test_an_unknown_format_is_told_in_the_description() -> None:
    assert cleaned(STRING | {"format": "uri"}) == STRING | {"description": "Format: uri"}


def test_references_are_resolved() -> None:
    schema = object_of(a={"$ref": "#/$defs/A", "description": "d"})
    schema["$defs"] = {"A": object_of(b=STRING)}
    assert cleaned(schema) == object_of(a=object_of(b=STRING) | {"description": "d"})


def test_references_can_hold_slashes() -> None:
    schema = object_of(a={"$ref": "#/$defs/x~1y"})
    assert cleaned(schema | {"$defs": {"x/y": STRING}}) == object_of(a=STRING)


def test_a_schema_that_contains_itself_loses_its_reference() -> None:
    node = object_of(child={"$ref": "#/$defs/Node"})
    assert "$ref" in lost({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    assert "$ref" in lost(object_of(a={"$ref": "https://elsewhere"}))
    assert "allOf" in lost(
        {"$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}]}}, "$ref": "#/$defs/A"}
    )


def test_references_that_multiply_are_cut_off() -> None:
    levels: Json = {"L20": STRING}
    for level in range(20):
        below = {"$ref": f"#/$defs/L{level + 1}"}
        levels[f"L{level}"] = object_of(a=below, b=below)
    assert "size" in lost({"$ref": "#/$defs/L0", "$defs": levels})
    for level in range(20):
        below = {"$ref": f"#/$defs/L{level + 1}"}
        levels[f"L{level}"] = {"allOf": [below, below]}
    assert lost({"$ref": "#/$defs/L0", "$defs": levels})


def test_all_of_is_merged() -> None:
    parts = [object_of(a=STRING) | {"required": ["a"]}, {"$ref": "#/$defs/B"}]
    schema = {"allOf": parts, "$defs": {"B": object_of(b=STRING) | {"required": ["b"]}}}
    assert cleaned(schema) == object_of(b=STRING, a=STRING) | {"required": ["a", "b"]}


def test_all_of_that_contradicts_itself_is_a_loss() -> None:
    assert lost({"allOf": [STRING | {"maxLength": 3}, {"maxLength": 2}]}) == ("allOf",)


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
def test_alternatives_stand_alone(keyword: str) -> None:
    schema = {keyword: [STRING, {"type": "integer"}], "description": "d", "title": "t"}
    beside = {"description": "d", "title": "t"}
    assert cleaned(schema) == {"anyOf": [STRING | beside, {"type": "integer"} | beside]}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"]},
        {"anyOf": [STRING, {"type": "null"}]},
        {"type": "string", "nullable": True},
    ],
)
def test_null_among_the_types_is_nullable(schema: Json) -> None:
    assert cleaned(schema) == STRING | {"nullable": True}


def test_several_types_are_alternatives() -> None:
    assert cleaned({"type": ["string", "integer", "null"]}) == {
        "anyOf": [STRING | {"nullable": True}, {"type": "integer", "nullable": True}]
    }


def test_values_must_be_texts() -> None:
    assert cleaned({"const": "a"}) == STRING | {"enum": ["a"]}
    assert cleaned({"enum": ["a", None]}) == STRING | {"nullable": True, "enum": ["a"]}
    assert lost({"type": "integer", "enum": [1, 2]}) == ("enum",)
    assert lost({"type": "integer", "const": 1}) == ("const",)


def test_exclusive_limits_are_exact_for_whole_numbers_only() -> None:
    assert cleaned({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9}) == {
        "type": "integer",
        "minimum": 1,
        "maximum": 8,
    }
    assert to_subset({"type": "number", "exclusiveMinimum": 0}) == (
        {"type": "number", "minimum": 0},
        ("exclusiveMinimum",),
    )


@pytest.mark.parametrize(
    ("schema", "keyword"),
    [
        (object_of(a=STRING) | {"patternProperties": {}}, "patternProperties"),
        (object_of(a=STRING) | {"additionalProperties": STRING}, "additionalProperties"),
        ({"type": "object"}, "additionalProperties"),
        (STRING | {"not": {"enum": ["x"]}}, "not"),
        ({"type": "array", "items": STRING, "uniqueItems": True}, "uniqueItems"),
        ({"type": "array"}, "any type"),
        ({}, "any type"),
    ],
)
def test_a_restriction_or_freedom_without_a_word_is_a_loss(schema: Json, keyword: str) -> None:
    assert lost(schema) == (keyword,)


def test_required_names_only_what_there_is() -> None:
    assert cleaned(object_of(a=STRING) | {"required": ["a", "b"]})["required"] == ["a"]
    assert "required" not in cleaned(object_of(a=STRING) | {"required": True})


def test_an_openapi_schema_becomes_json_schema() -> None:
    schema = {
        "type": "OBJECT",
        "propertyOrdering": ["b", "a"],
        "properties": {
            "a": {"type": "STRING", "nullable": True, "enum": ["x"]},
            "b": {"type": 6, "properties": {"c": {"type": "ARRAY", "minItems": "2"}}},
            "d": {"anyOf": [{"type": "NUMBER"}], "nullable": True},
        },
    }
    read = from_subset(schema)
    assert read == object_of(
        a={"type": ["string", "null"], "enum": ["x", None]},
        b={"type": "object", "properties": {"c": {"type": "array", "minItems": 2}}},
        d={"anyOf": [{"type": "number"}, {"type": "null"}]},
    )
    assert list(read["properties"]) == ["b", "a", "d"]


def test_json_schema_goes_as_it_is_but_for_what_is_refused() -> None:
    schema = object_of(a={"const": 1}, examples=STRING | {"examples": ["x"]})
    schema |= {"$schema": "s", "oneOf": [{"discriminator": {}}], "additionalProperties": False}
    assert as_json_schema(schema) == object_of(a={"enum": [1]}, examples=STRING) | {
        "anyOf": [{}],
        "additionalProperties": False,
    }


KEYWORDS = (
    "type properties items anyOf oneOf allOf $ref enum const required format default description "
    "nullable exclusiveMinimum additionalProperties minItems a"
)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["string", "object", "x", "#/a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYWORDS.split()),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["type", "properties", "allOf", "$ref", "a"]), anything))
def test_whatever_a_caller_calls_a_schema_is_cleaned_without_an_accident(schema: Json) -> None:
    assert isinstance(to_subset(schema).schema, dict)
    assert isinstance(as_json_schema(schema), dict)
    assert isinstance(from_subset(schema), dict)


simple: st.SearchStrategy[Json] = st.recursive(
    st.sampled_from([STRING, {"type": "integer"}, {"type": "string", "enum": ["a", "b"]}]),
    lambda inner: (
        st.builds(lambda items: {"type": "array", "items": items}, inner)
        | st.builds(
            object_of, a=inner, b=st.builds(lambda found: found | {"description": "d"}, inner)
        )
    ),
    max_leaves=6,
)


@given(simple)
def test_a_plain_schema_goes_and_comes_back(schema: Json) -> None:
    assert from_subset(cleaned(schema)) == schema
