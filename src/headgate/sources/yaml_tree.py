"""YAML bytes to a tree whose every node knows its line. Bounded, and nothing is constructed.

PyYAML's C scanner gives the events; the tree is built here because its own composer follows any
depth of nesting (a few hundred thousand brackets end the process) and any number of aliases.
Source: yaml.org/spec/1.1, yaml.org/type/merge.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from headgate.snapshot.document import Path, Problem

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64
# Nodes after every alias and merge has been followed: what a reader may have to walk.
MAX_NODES = 2_000_000

_KNOWN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map")
)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class Place(NamedTuple):
    """Line and column, counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


class Scalar(NamedTuple):
    """A single value, as text. `is_plain`: written without quotes, so it may be a number."""

    place: Place
    text: str
    is_plain: bool

    @property
    def is_null(self) -> bool:
        """Whether nothing was written."""
        return self.is_plain and self.text in _NULLS


class Sequence(NamedTuple):
    """A list."""

    place: Place
    items: tuple[Node, ...]


class Mapping(NamedTuple):
    """A map. `key_places` tells where each key stands."""

    place: Place
    entries: dict[str, Node]
    key_places: dict[str, Place]


Node = Scalar | Sequence | Mapping


class YamlError(Exception):
    """The bytes are not YAML that can be used. `place` is None where no line is to blame."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place


class Tree(NamedTuple):
    """A document and what was odd about it."""

    root: Node | None
    oddities: tuple[Problem, ...]

    def locate(self, path: Path) -> Place | None:
        """Find where a path stands: the key, or the nearest thing above it that is there."""
        node, place = self.root, None
        for part in path:
            if isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
                node = node.items[part]
                place = node.place
            elif isinstance(node, Mapping) and (key := _spelled(node, str(part))) is not None:
                place = node.key_places[key]
                node = node.entries[key]
            else:
                break
        return place


def read_tree(data: bytes) -> Tree:
    """Read one YAML document.

    Errors: `YamlError`, for bad syntax as well as for documents that are too large or too deep.
    """
    if len(data) > MAX_BYTES:
        raise YamlError(f"the document is larger than {MAX_BYTES // 1024 // 1024} MiB")
    composer = _Composer(_events(data))
    try:
        root = composer.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(filter(None, (error.problem, error.context))) or "this is not YAML"
        raise YamlError(f"not valid YAML: {message}", _place(mark)) from None
    except yaml.YAMLError as error:
        reason = getattr(error, "reason", None) or "unreadable characters"
        raise YamlError(f"not valid YAML: {reason}") from None
    return Tree(root, tuple(composer.oddities))


def _events(data: bytes) -> Iterator[Event]:
    loader = yaml.CSafeLoader(data)
    try:
        while (event := loader.get_event()) is not None:
            yield event
    finally:
        loader.dispose()


class _Composer:
    """Builds the tree from events. A node's weight is its number of nodes, aliases followed."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._merged = 0
        self._path: list[str | int] = []
        self.oddities: list[Problem] = []

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            match event:
                case StreamStartEvent() | StreamEndEvent() | DocumentEndEvent():
                    continue
                case DocumentStartEvent():
                    if root is not None:
                        place = _place(event.start_mark)
                        raise YamlError("a second document begins here: keep one", place)
                case _:
                    root, _ = self._node(event, 0)
        return root

    def _node(self, event: Event, depth: int) -> tuple[Node, int]:
        place = _place(event.start_mark) or Place(1, 1)
        if depth > MAX_DEPTH:
            raise YamlError(f"nested more than {MAX_DEPTH} levels deep", place)
        if isinstance(event, AliasEvent):
            if event.anchor not in self._anchors:
                raise YamlError(f"the alias *{event.anchor} stands for nothing (or itself)", place)
            return self._anchors[event.anchor]
        self._check_tag(event, place)
        weighed = self._weighed(event, place, depth)
        if isinstance(event, NodeEvent) and event.anchor:
            self._anchors[event.anchor] = weighed
        return weighed

    def _weighed(self, event: Event, place: Place, depth: int) -> tuple[Node, int]:
        match event:
            case ScalarEvent():
                return Scalar(place, event.value, event.implicit[0]), 1
            case SequenceStartEvent():
                return self._sequence(place, depth)
            case _:
                return self._mapping(place, depth)

    def _sequence(self, place: Place, depth: int) -> tuple[Node, int]:
        items: list[Node] = []
        weight = 1
        while not isinstance(event := next(self._events), CollectionEndEvent):
            self._path.append(len(items))
            item, below = self._node(event, depth + 1)
            self._path.pop()
            items.append(item)
            weight = self._heavier(weight, below, place)
        return Sequence(place, tuple(items)), weight

    def _mapping(self, place: Place, depth: int) -> tuple[Node, int]:
        entries: dict[str, Node] = {}
        key_places: dict[str, Place] = {}
        merged: list[Mapping] = []
        weight = 1
        while not isinstance(event := next(self._events), CollectionEndEvent):
            key, _ = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise YamlError("a key must be a single word or text", key.place)
            self._path.append(key.text)
            value, below = self._node(next(self._events), depth + 1)
            weight = self._heavier(weight, below, place)
            if key.text == "<<" and key.is_plain:
                merged += _merge_sources(value)
            else:
                if key.text in entries:
                    message = f"given twice (line {key_places[key.text].line}): this one counts"
                    self.oddities.append(Problem(tuple(self._path), message))
                entries[key.text], key_places[key.text] = value, key.place
            self._path.pop()
        for source in merged:  # earlier sources win, and what is written out wins over all
            self._merged = self._heavier(self._merged, len(source.entries), place)
            weight = self._heavier(weight, len(source.entries), place)
            for name, value in source.entries.items():
                if name not in entries:
                    entries[name], key_places[name] = value, source.key_places[name]
        return Mapping(place, entries, key_places), weight

    def _heavier(self, weight: int, below: int, place: Place) -> int:
        if weight + below > MAX_NODES:
            raise YamlError("the document is too large once its aliases are followed", place)
        return weight + below

    def _check_tag(self, event: Event, place: Place) -> None:
        tag = getattr(event, "tag", None)
        if tag not in {None, "!"} and tag not in _KNOWN_TAGS:
            raise YamlError(f"the tag {tag} is not supported: leave it out", place)


def _spelled(node: Mapping, name: str) -> str | None:
    """Find a key as it was written, whatever its case."""
    if name in node.entries:
        return name
    return next((key for key in node.entries if key.lower() == name.lower()), None)


def _merge_sources(value: Node) -> list[Mapping]:
    sources = list(value.items) if isinstance(value, Sequence) else [value]
    for source in sources:
        if not isinstance(source, Mapping):
            raise YamlError('"<<" merges maps only', source.place)
    return [source for source in sources if isinstance(source, Mapping)]


def _place(mark: object) -> Place | None:
    if mark is None:
        return None
    return Place(getattr(mark, "line", 0) + 1, getattr(mark, "column", 0) + 1)
