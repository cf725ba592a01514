from __future__ import annotations

import pytest
from msgspec.structs import replace

from headgate.lab.plan import Plan
from headgate.lab.scripts.table import MODELS, ROWS, Behaviour, find, listing
from headgate.lab.wires import WIRES
from tests.lab.asking import question


@pytest.mark.parametrize(
    ("name", "row", "number"),
    [
        ("503", "503", 503),
        ("e503", "503", 503),
        ("lab-503", "503", 503),
        ("lab-429-date", "429-date", 0),
        ("e429-7", "429", 7),
        ("slow", "slow", 2),
        ("slow3", "slow", 3),
        ("lab-slow-0.5", "slow", 0.5),
        ("drip-bytes-20", "drip-bytes", 20),
        ("200-error-late", "200-error-late", 0),
    ],
)
def test_a_name_finds_its_row(name: str, row: str, number: float) -> None:
    found = find(name)
    assert found is not None
    assert (found[0].name, found[1]) == (row, number)


@pytest.mark.parametrize("name", ["ok1", "p2", "gpt-4", "gpt-5-mini", "quota2", "4297", "", "e1"])
def test_other_names_find_none(name: str) -> None:
    assert find(name) is None


def test_names_are_unique() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", [row for row in ROWS if row.name not in {"big", "gzip-bomb"}])
def test_every_row_has_a_plan_in_every_wire_and_operation(row: Behaviour) -> None:
    others = {"openai": "embeddings", "anthropic": "count_tokens", "gemini": "embedContent"}
    for wire in WIRES:
        asked = question(wire, stream=True)
        other = replace(asked, operation=others.get(wire, "chat"))
        for ask in (asked, replace(asked, stream=False), other):
            assert isinstance(row.script(ask, row.number), Plan)


def test_the_listing_has_a_line_for_each_row() -> None:
    lines = listing().splitlines()
    assert all(any(line.startswith(name) for line in lines) for name in MODELS)
    assert "lab-slow[-<s>]" in listing()
    assert all(len(line) <= 100 for line in lines)
