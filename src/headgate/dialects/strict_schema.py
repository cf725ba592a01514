"""JSON Schemas as Anthropic and Bedrock take them, for structured answers and for tools.

What they refuse is moved into the description, where the model still reads it, as Anthropic's own
SDK does.

Source: platform.claude.com/docs/en/build-with-claude/structured-outputs (JSON Schema limitations);
docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html (the supported subset).
"""

from __future__ import annotations

from typing import Any

from headgate.dialects.lenient_json import compact
from headgate.ir.loss import Losses
from headgate.ir.request import Json, Tool

EMPTY: Json = {"type": "object", "properties": {}}

_REFUSED = frozenset(
    [
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength"),
        *("maxItems", "uniqueItems", "contains", "minContains", "maxContains", "unevaluatedItems"),
        *("minProperties", "maxProperties", "patternProperties", "propertyNames"),
        *("dependentRequired", "dependentSchemas", "unevaluatedProperties"),
        *("if", "then", "else", "not"),
    ]
)
_FORMATS = frozenset(
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]
)
_SCHEMA_MAPS = ("properties", "$defs", "definitions")
_SCHEMA_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_UNIONS = ("anyOf", "allOf", "oneOf")


def strict_schema(schema: Json) -> tuple[Json, bool]:
    """Write a schema in the subset that structured output takes, and tell if anything changed.

    Every object is closed (`additionalProperties: false`); limits on numbers, texts and arrays
    become words.
    """
    cleaned = _strict(schema)
    return cleaned, cleaned != schema


def object_schema(schema: Json | None) -> tuple[Json, bool]:
    """Write a tool's schema: an object, without a union at its top. Tells if it was weakened."""
    if not schema:
        return EMPTY, False
    kept = {key: value for key, value in schema.items() if key not in _UNIONS}
    weakened = len(kept) != len(schema)
    if kept.get("type", "object") != "object":
        return EMPTY, True
    return {"type": "object", **kept}, weakened


def answer_schema(schema: Json, losses: Losses) -> Json:
    """Write the schema of an answer, and name it if it was changed."""
    cleaned, changed = strict_schema(schema)
    if changed:
        losses.changed("response_format.json_schema.schema", "objects closed, limits became words")
    return cleaned


def tool_schema(tool: Tool, place: str, structured: bool, losses: Losses) -> Json:
    """Write the schema of a tool; `structured`: the model keeps to a strict one. Names changes."""
    field = f"{place}.function"
    schema, weakened = object_schema(tool.schema)
    if weakened:
        losses.changed(f"{field}.parameters", "must be an object without unions")
    if tool.strict and not structured:
        losses.dropped(f"{field}.strict")
    elif tool.strict:
        schema, cleaned = strict_schema(schema)
        if cleaned:
            losses.changed(f"{field}.parameters", "limits became words")
    return schema


def _strict(schema: Json) -> Json:
    kept: Json = {}
    refused: Json = {}
    for key, value in schema.items():
        if _is_refused(key, value):
            refused[key] = value
        elif key in _SCHEMA_MAPS and isinstance(value, dict):
            kept[key] = {name: _strict_or_same(inner) for name, inner in value.items()}
        elif key in _SCHEMA_LISTS and isinstance(value, list):
            # oneOf is not known; anyOf is the nearest that is.
            kept["anyOf" if key == "oneOf" else key] = [_strict_or_same(inner) for inner in value]
        elif key == "items":
            kept[key] = _strict_or_same(value)
        else:
            kept[key] = value
    if "properties" in kept or _allows_objects(kept):
        open_schema = kept.get("additionalProperties", False)
        if open_schema is not False:
            refused["additionalProperties"] = open_schema
        kept["additionalProperties"] = False
    if refused:
        told = ", ".join(f"{key}: {compact(value)}" for key, value in refused.items())
        description = kept.get("description")
        kept["description"] = f"{description}\n\n{{{told}}}" if description else f"{{{told}}}"
    return kept


def _strict_or_same(value: Any) -> Any:
    return _strict(value) if isinstance(value, dict) else value


def _is_refused(key: str, value: Any) -> bool:
    if key == "format":
        return not isinstance(value, str) or value not in _FORMATS
    if key == "minItems":
        return value not in (0, 1)
    return key in _REFUSED


def _allows_objects(schema: Json) -> bool:
    kinds = schema.get("type")
    return kinds == "object" or (isinstance(kinds, list) and "object" in kinds)
