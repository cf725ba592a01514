"""JSON Schemas as Bedrock takes them, for structured answers and for tools.

What it refuses is moved into the description, where the model still reads it.

Source: docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html (the supported subset of
JSON Schema).
"""

from __future__ import annotations

from typing import Any

from headgate.dialects.lenient_json import compact
from headgate.ir.request import Json

EMPTY: Json = {"type": "object", "properties": {}}

_REFUSED = frozenset(
    [
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "maxItems", "uniqueItems", "contains", "minContains"),
        *("maxContains", "unevaluatedItems", "minProperties", "maxProperties"),
        *("patternProperties", "propertyNames", "dependentRequired", "dependentSchemas"),
        *("unevaluatedProperties", "if", "then", "else", "not"),
    ]
)
_FORMATS = frozenset(
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]
)
_NAMED = ("properties", "$defs", "definitions")
_LISTED = ("anyOf", "allOf", "oneOf", "prefixItems")
_UNIONS = ("anyOf", "allOf", "oneOf")


def object_schema(schema: Json | None) -> tuple[Json, bool]:
    """Write a tool's schema: an object, without a union at its top. Tells if it was weakened."""
    if not schema:
        return EMPTY, False
    kept = {key: value for key, value in schema.items() if key not in _UNIONS}
    weakened = len(kept) != len(schema)
    if kept.get("type", "object") != "object":
        return EMPTY, True
    return {"type": "object", **kept}, weakened


def strict_schema(schema: Json) -> tuple[Json, bool]:
    """Write a schema in the subset that is enforced: objects closed, limits as words.

    Tells if anything changed.
    """
    cleaned = _strict(schema)
    return cleaned, cleaned != schema


def _strict(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    kept: Json = {}
    refused: Json = {}
    for key, value in schema.items():
        if _is_refused(key, value):
            refused[key] = value
        elif key in _NAMED and isinstance(value, dict):
            kept[key] = {name: _strict(inner) for name, inner in value.items()}
        elif key in _LISTED and isinstance(value, list):
            kept["anyOf" if key == "oneOf" else key] = [_strict(inner) for inner in value]
        else:
            kept[key] = _strict(value) if key == "items" else value
    if "properties" in kept or _allows_objects(kept):
        if kept.get("additionalProperties", False) is not False:
            refused["additionalProperties"] = kept["additionalProperties"]
        kept["additionalProperties"] = False
    if refused:
        told = "{" + ", ".join(f"{key}: {compact(value)}" for key, value in refused.items()) + "}"
        description = kept.get("description")
        kept["description"] = f"{description}\n\n{told}" if description else told
    return kept


def _is_refused(key: str, value: Any) -> bool:
    if key == "format":
        return not isinstance(value, str) or value not in _FORMATS
    if key == "minItems":
        return value not in (0, 1)
    return key in _REFUSED


def _allows_objects(schema: Json) -> bool:
    kinds = schema.get("type")
    return kinds == "object" or (isinstance(kinds, list) and "object" in kinds)
