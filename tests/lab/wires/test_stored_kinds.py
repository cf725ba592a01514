from __future__ import annotations

import pytest

from headgate.lab.routes import route
from headgate.lab.wires.stored_kinds import BY_NAME, ROWS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("prefix", ["/v1", "/ok1/v1"])
def test_every_operation_has_its_path(row: object, prefix: str) -> None:
    assert row in ROWS
    name = next(name for name, each in BY_NAME.items() if each is row)
    method, _, template = name.partition(" ")
    ids = tuple(f"id{number}" for number in range(template.count("{}")))
    found = route(method, prefix + template.format(*ids), {}, {})
    assert found is not None
    assert (found.operation, found.ids) == (name, ids)
    assert found.place == ("ok1" if prefix.startswith("/ok1") else "lab")


def test_the_ordinary_operations_go_by_their_methods() -> None:
    assert {name for name in BY_NAME if name.endswith("/vector_stores/{}")} == {
        "GET /vector_stores/{}",
        "POST /vector_stores/{}",
        "DELETE /vector_stores/{}",
    }
    assert "POST /threads/{}/messages/{}" in BY_NAME
    assert "POST /files/{}" not in BY_NAME
