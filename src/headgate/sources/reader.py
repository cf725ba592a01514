"""From a YAML tree to the Structs of `snapshot.document`, collecting every problem on the way.

The Structs drive it: a field's type and its `option` say how its value is read. Nothing here
raises for what an operator wrote; what cannot be read is an error with its path, and the field
keeps its default so that the rest can be checked too.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from headgate.snapshot.document import (
    KeyRule,
    ModelName,
    Path,
    Problem,
    TimeoutBounds,
)
from headgate.sources import scalars
from headgate.sources.scalars import UnreadableError
from headgate.sources.yaml_tree import Mapping, Node, Scalar, Sequence

T = TypeVar("T", bound=msgspec.Struct)
Read = Callable[["Reader", Node, Path], Any]

# uni-api's own leftovers, in files that it has written back.
_TOLERATED = frozenset({"_model_dict_cache"})
_KIND_NAMES = {Scalar: "a single value", Sequence: "a list", Mapping: "a map"}


class Reader:
    """Reads nodes. `errors` and `warnings` grow as it goes."""

    def __init__(self, environment: typing.Mapping[str, str]) -> None:
        self._environment = environment
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def error(self, path: Path, message: str) -> None:
        """Note what makes the document unusable."""
        self.errors.append(Problem(path, message))

    def warn(self, path: Path, message: str) -> None:
        """Note what the operator should know."""
        self.warnings.append(Problem(path, message))

    def struct(self, kind: type[T], node: Node, path: Path) -> T:
        """Read a map into a Struct. Errors: `UnreadableError` if it is no map at all."""
        if not isinstance(node, Mapping):
            raise UnreadableError(f"write a map here, not {_KIND_NAMES[type(node)]}")
        fields = _fields(kind)
        values: dict[str, Any] = {}
        for key, value in sorted(node.entries.items(), key=lambda entry: entry[0] in fields):
            field = fields.get(key) or fields.get(key.lower())
            if field is None:
                self._unknown(key, fields, path)
                continue
            here = (*path, key)
            self._remark(key, field, here)
            if isinstance(value, Scalar) and value.is_null:
                continue  # a key without a value is as good as none
            try:
                values[field.attribute] = field.read(self, value, here)
            except UnreadableError as problem:
                self.error(here, str(problem))
        return kind(**values)

    def text(self, node: Node, path: Path) -> str:
        """Read a single value as text, variables put in. Errors: `UnreadableError`."""
        if not isinstance(node, Scalar):
            raise UnreadableError(f"write a single value here, not {_KIND_NAMES[type(node)]}")
        unset: list[str] = []
        text = scalars.expand(node.text, self._environment, unset)
        for name in unset:
            self.warn(path, f"the environment variable {name} is not set: taken as empty")
        return text

    def each(self, read: Read, node: Node, path: Path) -> list[Any]:
        """Read a list, or a single value as a list of one. Bad items are noted and left out."""
        items = node.items if isinstance(node, Sequence) else (node,)
        values = []
        for index, item in enumerate(items):
            here = (*path, index) if isinstance(node, Sequence) else path
            if isinstance(item, Scalar) and item.is_null:
                continue
            try:
                values.append(read(self, item, here))
            except UnreadableError as problem:
                self.error(here, str(problem))
        return values

    def table(self, read: Read, node: Node, path: Path) -> dict[str, Any]:
        """Read a map of single values. Bad values are noted and left out."""
        if not isinstance(node, Mapping):
            raise UnreadableError(f"write a map here, not {_KIND_NAMES[type(node)]}")
        values = {}
        for key, value in node.entries.items():
            try:
                values[key] = read(self, value, (*path, key))
            except UnreadableError as problem:
                self.error((*path, key), str(problem))
        return values

    def plain(self, node: Node, path: Path) -> Any:
        """Read a value of any shape into Python's own. Errors: `UnreadableError`."""
        match node:
            case Mapping():
                return self.table(Reader.plain, node, path)
            case Sequence():
                return [self.plain(item, (*path, index)) for index, item in enumerate(node.items)]
            case Scalar():
                text = self.text(node, path)
                return scalars.plain(text) if node.is_plain and text == node.text else text

    def _unknown(self, key: str, fields: dict[str, _Field], path: Path) -> None:
        if key in _TOLERATED:
            return
        names = {field.name for field in fields.values()}
        close = difflib.get_close_matches(key.lower(), names, n=1, cutoff=0.75)
        hint = f': did you mean "{close[0]}"?' if close else ""
        self.warn((*path, key), f"unknown option, ignored{hint}")

    def _remark(self, key: str, field: _Field, path: Path) -> None:
        if field.unused:
            self.warn(path, "understood, but this release does nothing with it")
        elif key not in {field.name, field.attribute}:
            self.warn(path, f'an old spelling: write "{field.name}"')


class _Field(NamedTuple):
    """How one option is found and read."""

    attribute: str
    name: str
    unused: bool
    read: Read


@cache
def _fields(kind: type[Any]) -> dict[str, _Field]:
    """List a Struct's options, under each spelling in lower case and as it is usually written."""
    found: dict[str, _Field] = {}
    for attribute, hint in typing.get_type_hints(kind, include_extras=True).items():
        metas = [meta for meta in getattr(hint, "__metadata__", ()) if type(meta) is msgspec.Meta]
        if not metas:
            continue  # a field that no operator writes
        extra = metas[0].extra or {}
        base = typing.get_args(hint)[0]
        name = extra.get("name") or attribute
        field = _Field(attribute, name, extra["unused"], _reader_of(base, extra["kind"]))
        found[attribute] = found[name] = found[name.lower()] = field
    return found


def _reader_of(hint: Any, kind: str | None) -> Read:
    """Choose how a value of a type is read."""
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType and type(None) in arguments:
        return _reader_of(arguments[0], kind)  # `X | None`: null never gets here
    if hint in _BY_TYPE:
        return _BY_TYPE[hint]
    if origin is tuple:
        return _list_of(_reader_of(arguments[0], None), flat=arguments[0] in {KeyRule, ModelName})
    if origin is not None and issubclass(origin, typing.Mapping):
        value = _reader_of(arguments[1], None)
        return _table_or_value(value) if kind == "table" else _table_of(value)
    return lambda reader, node, path: reader.struct(hint, node, path)


def _single(convert: Callable[[str], Any]) -> Read:
    return lambda reader, node, path: convert(reader.text(node, path).strip())


def _list_of(read: Read, *, flat: bool) -> Read:
    """Read a list; `flat` if one item of it may stand for several values."""

    def read_list(reader: Reader, node: Node, path: Path) -> tuple[Any, ...]:
        values = reader.each(read, node, path)
        return tuple(value for group in values for value in group) if flat else tuple(values)

    return read_list


def _table_of(read: Read) -> Read:
    return lambda reader, node, path: reader.table(read, node, path)


def _table_or_value(read: Read) -> Read:
    def read_table(reader: Reader, node: Node, path: Path) -> dict[str, Any]:
        if isinstance(node, Scalar):
            return {"default": read(reader, node, path)}
        return reader.table(read, node, path)

    return read_table


def _model_names(reader: Reader, node: Node, path: Path) -> list[ModelName]:
    if isinstance(node, Mapping):
        aliases = {
            upstream: ""
            if isinstance(alias, Scalar) and alias.is_null
            else reader.text(alias, path)
            for upstream, alias in node.entries.items()
        }
        return [ModelName(upstream, alias or upstream) for upstream, alias in aliases.items()]
    name = reader.text(node, path).strip()
    if not name:
        raise UnreadableError("a model's name is missing")
    return [ModelName(name, name)]


def _key_rules(reader: Reader, node: Node, path: Path) -> list[KeyRule]:
    if isinstance(node, Mapping):
        weights = {rule: _weight(reader, weight, path) for rule, weight in node.entries.items()}
        return [KeyRule(rule, weight) for rule, weight in weights.items()]
    return [KeyRule(reader.text(node, path).strip())]


def _weight(reader: Reader, node: Node, path: Path) -> int | None:
    if isinstance(node, Scalar) and node.is_null:
        return None
    weight = scalars.whole(reader.text(node, path))
    if weight < 0:
        raise UnreadableError("a weight is a whole number above 0")
    if weight == 0:
        reader.warn(path, "a weight of 0 is no weight: the channel is tried after weighted ones")
    return weight or None


def _timeout_bounds(reader: Reader, node: Node, path: Path) -> TimeoutBounds:
    if isinstance(node, Scalar):
        return TimeoutBounds(first_byte=scalars.seconds(reader.text(node, path)))
    return reader.struct(TimeoutBounds, node, path)


_BY_KIND: dict[str | None, Read] = {
    "moment": _single(scalars.moment),
    "size": _single(scalars.size),
    "anything": Reader.plain,
}
_BY_TYPE: dict[Any, Read] = {
    Any: Reader.plain,
    str: _single(str),
    bool: _single(scalars.flag),
    int: _single(scalars.whole),
    float: _single(scalars.seconds),
    bool | int: _single(scalars.flag_or_whole),
    KeyRule: _key_rules,
    ModelName: _model_names,
    TimeoutBounds: _timeout_bounds,
}
