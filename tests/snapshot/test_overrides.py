from __future__ import annotations

from typing import Any

import pytest

from headgate.snapshot.document import Document
from headgate.snapshot.facts import Override, Removal
from headgate.snapshot.overrides import OverrideBlocks, Overrides
from headgate.snapshot.report import Report

ALIASES = frozenset({"a", "b"})


def resolved(block: dict[str, Any], alias: str = "a") -> Overrides:
    """Resolve a block for a model; it must be right."""
    report = Report(Document())
    found = OverrideBlocks(block, ALIASES, frozenset(), ("o",), report).of(alias)
    assert report.errors == []
    return found


def test_the_shared_layer_comes_first_and_never_holds_a_models_block() -> None:
    block = {"t": 1, "a": {"t": 2}, "b": {"t": 3}, "c": {"t": 4}}
    assert resolved(block).layers == (
        Override(values={"t": 1, "c": {"t": 4}}),
        Override(values={"t": 2}),
    )


def test_a_model_without_a_block_of_its_own_shares_the_layers() -> None:
    assert resolved({"t": 1, "b": {"t": 3}}).layers == (Override(values={"t": 1}),)


def test_each_layer_has_its_own_removals() -> None:
    found = resolved({"__remove__": ["user", "x.y"], "a": {"__remove__": "metadata"}})
    assert found.layers == (
        Override(removals=(Removal(path=("user",)), Removal(path=("x", "y")))),
        Override(removals=(Removal(path=("metadata",)),)),
    )


def test_structured_removals_carry_their_conditions() -> None:
    entry = {
        "path": "tools",
        "where": "x",
        "where_any": [{"type": "web_search"}, "y"],
        "drop_empty": True,
    }
    (layer,) = resolved({"__remove__": [entry, {"path": "p", "where_any": {"k": 1}}]}).layers
    assert layer.removals == (
        Removal(path=("tools",), conditions=("x", {"type": "web_search"}, "y"), drop_empty=True),
        Removal(path=("p",), conditions=({"k": 1},)),
    )


@pytest.mark.parametrize(
    ("block", "stream"),
    [
        ({}, None),
        ({"stream": False}, False),
        ({"stream": False, "a": {"stream": True}}, True),
        ({"stream": False, "a": {"t": 1}}, False),
    ],
)
def test_stream_forces_the_mode_and_is_no_value(block: dict[str, Any], stream: object) -> None:
    found = resolved(block)
    assert found.stream is stream
    assert all("stream" not in layer.values for layer in found.layers)


def test_barred_fields_are_left_out_with_a_warning() -> None:
    report = Report(Document())
    blocks = OverrideBlocks(
        {"service_tier": "x", "a": {"service_tier": "y"}},
        ALIASES,
        frozenset({"service_tier"}),
        ("o",),
        report,
    )
    assert blocks.of("a").layers == ()
    assert [line.partition(": ")[0] for line in report.warnings] == [
        "o.service_tier",
        "o.a.service_tier",
    ]


@pytest.mark.parametrize(
    ("block", "key"),
    [
        ({"a": 5}, "o.a"),
        ({"stream": "yes"}, "o.stream"),
        ({"__remove__": 5}, "o.__remove__"),
        ({"__remove__": ["x", {"where": 1}]}, "o.__remove__[1]"),
        ({"__remove__": [""]}, "o.__remove__[0]"),
        ({"a": {"__remove__": [[]]}}, "o.a.__remove__[0]"),
    ],
)
def test_what_does_not_fit_is_an_error_at_its_place(block: dict[str, Any], key: str) -> None:
    report = Report(Document())
    OverrideBlocks(block, ALIASES, frozenset(), ("o",), report)
    assert [error.key for error in report.errors] == [key]
