"""JSON Schema and Gemini's OpenAPI subset, one into the other.

`parameters` and `responseSchema` take the subset, at every Gemini backend; JSON Schema itself is
taken by newer models only. So schemas are cleaned into the subset, and sent as they are only where
cleaning would change what they mean.
Source: ai.google.dev/api/caching#Schema; `providers.md` 2.4
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from headgate.ir.request import Json

# ------------------------------------------------------------------ subset -> JSON Schema

_ENUM_TYPES = ("", "string", "number", "integer", "boolean", "array", "object", "null")
_WHOLE = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")


def from_subset(schema: Any) -> Any:
    """Write a schema of the subset as JSON Schema; a JSON Schema comes back unchanged.

    Types become lower case, `nullable` a type, `propertyOrdering` the order of the properties.
    """
    if not isinstance(schema, dict):
        return schema
    known = dict(schema)
    if "type" in known:
        known["type"] = _plain_type(known["type"])
    for name in _WHOLE:
        if isinstance(known.get(name), str) and known[name].isdecimal():
            known[name] = int(known[name])
    if isinstance(known.get("properties"), dict):
        known["properties"] = _in_order(known["properties"], known.pop("propertyOrdering", None))
    if "items" in known:
        known["items"] = from_subset(known["items"])
    if isinstance(known.get("anyOf"), list):
        known["anyOf"] = [from_subset(branch) for branch in known["anyOf"]]
    if known.pop("nullable", False):
        known = _with_null(known)
    return known


def _plain_type(value: Any) -> Any:
    if isinstance(value, int) and 0 < value < len(_ENUM_TYPES):
        return _ENUM_TYPES[value]
    return value.lower() if isinstance(value, str) else value


def _in_order(properties: Json, order: object) -> Json:
    names = [name for name in order if name in properties] if isinstance(order, list) else []
    ordered = dict.fromkeys([*names, *properties])
    return {name: from_subset(properties[name]) for name in ordered}


def _with_null(schema: Json) -> Json:
    if isinstance(schema.get("anyOf"), list):
        return schema | {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    if isinstance(schema.get("type"), str):
        schema = schema | {"type": [schema["type"], "null"]}
    if isinstance(schema.get("enum"), list):
        schema = schema | {"enum": [*schema["enum"], None]}
    return schema


# ------------------------------------------------------------------ JSON Schema -> subset

_KEPT = (
    "title description maxItems minItems required minimum maximum minLength maxLength pattern "
    "minProperties maxProperties example"
)
# They restrict the instance, and the subset has no word for them.
_RESTRICTING = (
    "patternProperties not if then else dependentRequired dependentSchemas dependencies contains "
    "minContains maxContains propertyNames unevaluatedProperties unevaluatedItems uniqueItems "
    "multipleOf prefixItems additionalItems $dynamicRef $recursiveRef"
)
_KEPT_WORDS = frozenset(_KEPT.split())
_RESTRICTING_WORDS = frozenset(_RESTRICTING.split())
_FORMATS = {
    "string": frozenset({"enum", "date-time"}),
    "number": frozenset({"float", "double"}),
    "integer": frozenset({"int32", "int64"}),
}
_MAX_NODES = 5000  # references that multiply would else make a small schema endless


class Cleaned(NamedTuple):
    """A schema of the subset, and the keywords whose meaning it does not carry."""

    schema: Json
    lost: tuple[str, ...]


def to_subset(schema: Json) -> Cleaned:
    """Write a JSON Schema in the subset.

    `$ref` is resolved, `allOf` merged, `oneOf` becomes `anyOf`, `const` an `enum`, a default part
    of the description. What only annotates is left out; what restricts is left out and named.
    """
    cleaner = _Cleaner(schema)
    cleaned = cleaner.clean(schema, ())
    return Cleaned(cleaned, tuple(cleaner.lost))


class _Cleaner:
    def __init__(self, root: Json) -> None:
        self._root = root
        self._nodes = 0
        self.lost: dict[str, None] = {}  # in order, each once

    def clean(self, schema: Any, refs: tuple[str, ...]) -> Json:
        """Clean one schema; `refs` are the references that led to it."""
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            self._lose("size")
            return {"type": "string"}
        if not isinstance(schema, dict):
            schema = {}  # `true`; what else stands here says nothing that could be kept
        if "$ref" in schema:
            return self._resolved(schema, refs)
        if isinstance(schema.get("allOf"), list):
            return self.clean(self._merged(schema, refs), refs)
        if isinstance(schema.get("type"), list):
            schema = _types_apart(schema)
        branches = schema.get("anyOf", schema.get("oneOf"))
        if isinstance(branches, list) and branches:
            return self._any_of(schema, branches, refs)
        return self._typed(schema, refs)

    def _lose(self, keyword: str) -> None:
        self.lost[keyword] = None

    def _resolved(self, schema: Json, refs: tuple[str, ...]) -> Json:
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        reference = schema["$ref"]
        target = _found(self._root, reference)
        if target is None or reference in refs:
            self._lose("$ref")
            return self.clean({"type": "object"} | beside, refs)
        return self.clean(target | beside, (*refs, reference))

    def _merged(self, schema: Json, refs: tuple[str, ...]) -> Json:
        """Lay the schemas of `allOf` over each other."""
        whole: Json = {name: value for name, value in schema.items() if name != "allOf"}
        for inner in schema["allOf"]:
            self._nodes += 1
            part = _found(self._root, inner["$ref"]) if _is_ref(inner) else inner
            if not isinstance(part, dict) or self._nodes > _MAX_NODES:
                self._lose("allOf")
                continue
            if isinstance(part.get("allOf"), list):
                if _is_ref(inner) and inner["$ref"] in refs:
                    self._lose("allOf")
                    continue
                part = self._merged(part, (*refs, inner["$ref"]) if _is_ref(inner) else refs)
            for name, value in part.items():
                whole[name] = self._both(name, whole[name], value) if name in whole else value
        return whole

    def _both(self, name: str, one: Any, other: Any) -> Any:
        if name == "properties" and isinstance(one, dict) and isinstance(other, dict):
            return other | one
        if name == "required" and isinstance(one, list) and isinstance(other, list):
            return list(dict.fromkeys([*one, *other]))
        if one != other and name not in {"title", "description", "default"}:
            self._lose("allOf")
        return one

    def _any_of(self, schema: Json, branches: list[Any], refs: tuple[str, ...]) -> Json:
        """Keep `anyOf` alone: Vertex refuses other keywords beside it."""
        beside = {name: value for name, value in schema.items() if name not in {"anyOf", "oneOf"}}
        real = [branch for branch in branches if not _is_null(branch)]
        nullable = len(real) < len(branches)
        cleaned = [
            self.clean(beside | branch if isinstance(branch, dict) else branch, refs)
            for branch in real
        ]
        if nullable:
            cleaned = [branch | {"nullable": True} for branch in cleaned]
        if not cleaned:
            return {"type": "string", "nullable": True}
        return cleaned[0] if len(cleaned) == 1 else {"anyOf": cleaned}

    def _typed(self, schema: Json, refs: tuple[str, ...]) -> Json:
        """Clean a schema without combinators."""
        self._name_restrictions(schema)
        values, nullable = self._values(schema)
        kind = _type_of(schema, values)
        if kind is None:
            self._lose("any type")
        kept: Json = {"type": kind or "string"}
        kept |= {name: value for name, value in schema.items() if name in _KEPT_WORDS}
        if nullable or schema.get("nullable") is True:
            kept["nullable"] = True
        if kind == "null":
            kept |= {"type": "string", "nullable": True}
        if values:
            kept["enum"] = values
        self._limits(schema, kept)
        form = schema.get("format")
        if isinstance(form, str) and form in _FORMATS.get(kept["type"], ()):
            kept["format"] = form
        _describe(schema, kept)
        if kind == "array":
            kept["items"] = self.clean(schema.get("items", True), refs)
        if kind == "object":
            self._properties(schema, kept, refs)
        return kept

    def _name_restrictions(self, schema: Json) -> None:
        for name in schema:
            if name in _RESTRICTING_WORDS:
                self._lose(name)
        if isinstance(schema.get("additionalProperties"), dict) and schema["additionalProperties"]:
            self._lose("additionalProperties")

    def _values(self, schema: Json) -> tuple[list[str], bool]:
        """Read `enum` or `const`: the texts of it, and whether null is among the values."""
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        if not isinstance(values, list):
            return [], False
        if any(not isinstance(value, str) for value in values if value is not None):
            self._lose("const" if "const" in schema else "enum")
            return [], None in values
        return [value for value in values if value is not None], None in values

    def _limits(self, schema: Json, kept: Json) -> None:
        """Write exclusive limits as inclusive ones, which is exact for whole numbers."""
        for exclusive, inclusive, step in (
            ("exclusiveMinimum", "minimum", 1),
            ("exclusiveMaximum", "maximum", -1),
        ):
            limit = schema.get(exclusive)
            if isinstance(limit, bool) or not isinstance(limit, int | float):
                continue
            exact = kept["type"] == "integer" and limit % 1 == 0
            if not exact:
                self._lose(exclusive)
            kept.setdefault(inclusive, int(limit) + step if exact else limit)

    def _properties(self, schema: Json, kept: Json, refs: tuple[str, ...]) -> None:
        properties = schema.get("properties")
        if isinstance(properties, dict) and properties:
            kept["properties"] = {
                name: self.clean(inner, refs) for name, inner in properties.items()
            }
        elif schema.get("additionalProperties") is not False:
            self._lose("additionalProperties")  # a free object: the subset knows only fields
        named = kept.pop("required", None)
        known = kept.get("properties", {})
        names = named if isinstance(named, list) else []
        if required := [name for name in names if isinstance(name, str) and name in known]:
            kept["required"] = required


def _is_ref(schema: object) -> bool:
    return isinstance(schema, dict) and isinstance(schema.get("$ref"), str)


def _is_null(branch: object) -> bool:
    return isinstance(branch, dict) and branch.get("type") == "null"


def _found(root: Json, reference: object) -> Json | None:
    """Follow a reference inside of the document (`#/$defs/Name`)."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    place: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, dict) or name not in place:
            return None
        place = place[name]
    return place if isinstance(place, dict) else None


def _types_apart(schema: Json) -> Json:
    """Write a list of types as `nullable`, or as alternatives."""
    beside = {name: value for name, value in schema.items() if name != "type"}
    types = [kind for kind in schema["type"] if kind != "null"]
    if len(types) < len(schema["type"]):
        beside["nullable"] = True
    if len(types) > 1 and "anyOf" not in schema and "oneOf" not in schema:
        return {"anyOf": [beside | {"type": kind} for kind in types]}
    return beside | ({"type": types[0]} if types else {"type": "null"})


def _type_of(schema: Json, values: list[str]) -> str | None:
    if isinstance(schema.get("type"), str):
        return str(schema["type"]).lower()
    if values:
        return "string"
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else None


def _describe(schema: Json, kept: Json) -> None:
    """Tell the model of what it would otherwise not see: uni-api does so for defaults."""
    said = [schema["description"]] if isinstance(schema.get("description"), str) else []
    if "default" in schema:
        said.append("Default: " + msgspec.json.encode(schema["default"]).decode().strip('"'))
    if isinstance(schema.get("format"), str) and "format" not in kept:
        said.append("Format: " + schema["format"])
    if said:
        kept["description"] = "\n".join(said)


# ------------------------------------------------------------------ JSON Schema as it is

_UNKNOWN_TO_GEMINI = frozenset({"$schema", "discriminator", "examples"})


def as_json_schema(schema: Any) -> Any:
    """Take out of a JSON Schema what newer models refuse even in its own form."""
    if not isinstance(schema, dict):
        return schema
    kept = {
        name: _inner(name, value)
        for name, value in schema.items()
        if name not in _UNKNOWN_TO_GEMINI
    }
    if "const" in kept:
        kept["enum"] = [kept.pop("const")]
    if "oneOf" in kept and "anyOf" not in kept:
        kept["anyOf"] = kept.pop("oneOf")
    return kept


def _inner(name: str, value: Any) -> Any:
    if name in {"properties", "$defs", "definitions"} and isinstance(value, dict):
        return {key: as_json_schema(schema) for key, schema in value.items()}
    if name in {"anyOf", "oneOf", "allOf", "prefixItems"} and isinstance(value, list):
        return [as_json_schema(schema) for schema in value]
    if name in {"items", "additionalProperties", "not"}:
        return as_json_schema(value)
    return value
