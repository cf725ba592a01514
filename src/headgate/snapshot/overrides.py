"""`post_body_parameter_overrides`, resolved for each model. Source: `uni-api.md` 1.10."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

import msgspec

from headgate.snapshot.document import Path
from headgate.snapshot.facts import Override, Removal
from headgate.snapshot.report import Report

_REMOVE = "__remove__"
_STREAM = "stream"


class Overrides(msgspec.Struct, frozen=True, kw_only=True):
    """What is laid over the bodies of one model. `stream` forces the upstream's mode."""

    layers: tuple[Override, ...] = ()
    stream: bool | None = None


class OverrideBlocks:
    """A provider's whole block: what holds for all its models, and the blocks of single ones.

    A key that equals one of the provider's aliases is a model's block, never a body field.
    `barred` fields cannot be injected.
    """

    def __init__(
        self,
        block: Mapping[str, Any],
        aliases: Set[str],
        barred: Set[str],
        path: Path,
        report: Report,
    ) -> None:
        self._barred = barred
        self._report = report
        shared = {name: value for name, value in block.items() if name not in aliases}
        self._shared = self._layer(shared, path)
        self._single: dict[str, Overrides] = {}
        for alias in aliases & block.keys():
            if isinstance(block[alias], dict):
                self._single[alias] = self._layer(block[alias], (*path, alias))
            else:
                report.error((*path, alias), "write a map: this is the block of the model")

    def of(self, alias: str) -> Overrides:
        """Give what holds for a model: the shared layer, then its own."""
        own = self._single.get(alias)
        if own is None:
            return self._shared
        stream = self._shared.stream if own.stream is None else own.stream
        return Overrides(layers=self._shared.layers + own.layers, stream=stream)

    def _layer(self, block: Mapping[str, Any], path: Path) -> Overrides:
        for name in sorted(self._barred & block.keys()):
            self._report.warn((*path, name), "cannot be injected for this upstream: left out")
        left_out = {_REMOVE, _STREAM} | self._barred
        values = {name: value for name, value in block.items() if name not in left_out}
        removals = tuple(_removals(block.get(_REMOVE), (*path, _REMOVE), self._report))
        stream = block.get(_STREAM)
        if stream is not None and not isinstance(stream, bool):
            self._report.error((*path, _STREAM), "write true or false")
            stream = None
        layers = (Override(values=values, removals=removals),) if values or removals else ()
        return Overrides(layers=layers, stream=stream)


def _removals(entries: Any, path: Path, report: Report) -> Iterator[Removal]:
    if entries is None:
        return
    for index, entry in enumerate(entries if isinstance(entries, list) else [entries]):
        removal = _removal(entry)
        if removal is None:
            here = (*path, index) if isinstance(entries, list) else path
            report.error(
                here, "write the name of a field, or {path: a.b, where: ..., drop_empty: true}"
            )
        else:
            yield removal


def _removal(entry: Any) -> Removal | None:
    if isinstance(entry, str) and entry:
        return Removal(path=tuple(entry.split(".")))
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str) or not entry["path"]:
        return None
    any_of = entry.get("where_any") or []
    conditions = any_of if isinstance(any_of, list) else [any_of]
    if entry.get("where") is not None:
        conditions = [entry["where"], *conditions]
    return Removal(
        path=tuple(entry["path"].split(".")),
        conditions=tuple(conditions),
        drop_empty=entry.get("drop_empty") is True,
    )
