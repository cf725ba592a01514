from __future__ import annotations

from typing import Any

import pytest

from headgate.lab.objects import Shelf
from headgate.lab.plan import Plan
from headgate.lab.wires.question import Json
from headgate.lab.wires.stored_kinds import BY_NAME, answer
from tests.lab.asking import decoded, other


class Place:
    """Asks one place of a lab for stored objects, each request with a number of its own."""

    def __init__(self, name: str = "ok1", shelf: Shelf | None = None) -> None:
        self.name = name
        self.shelf = shelf or Shelf()
        self.number = 0

    def plan(self, operation: str, *parts: Any, ids: tuple[str, ...] = (), **more: Any) -> Plan:
        self.number += 1
        named: Json = {"ids": ids, "shelf": self.shelf, "number": self.number, "place": self.name}
        return answer(other(operation, *parts, **named, **more))

    def ask(self, operation: str, *parts: Any, ids: tuple[str, ...] = (), **more: Any) -> Any:
        plan = self.plan(operation, *parts, ids=ids, **more)
        assert plan.status == 200, plan
        return decoded(plan)


@pytest.fixture
def place() -> Place:
    return Place()


def test_an_object_is_made_shown_changed_and_deleted(place: Place) -> None:
    made = place.ask("POST /threads", metadata={"a": "1"})
    assert place.ask("GET /threads/{}", ids=(made["id"],)) == made
    body: Json = {"metadata": {"b": "2"}, "object": "forged", "id": "forged"}
    changed = place.ask("POST /threads/{}", ids=(made["id"],), **body)
    assert changed == made | {"metadata": {"a": "1", "b": "2"}}
    gone = place.ask("DELETE /threads/{}", ids=(made["id"],))
    assert gone == {"id": made["id"], "object": "thread.deleted", "deleted": True}
    assert place.plan("GET /threads/{}", ids=(made["id"],)).status == 404
    assert place.plan("DELETE /threads/{}", ids=(made["id"],)).status == 404


def test_another_place_does_not_know_the_object(place: Place) -> None:
    made = place.ask("POST /threads")
    elsewhere = Place("ok2", place.shelf)
    for operation in ("GET /threads/{}", "POST /threads/{}", "DELETE /threads/{}"):
        assert elsewhere.plan(operation, ids=(made["id"],)).status == 404
    assert place.plan("GET /threads/{}", ids=(made["id"],)).status == 200


def test_a_list_has_pages_the_newest_first(place: Place) -> None:
    ids = [place.ask("POST /vector_stores", name=str(n))["id"] for n in range(3)]
    page = place.ask("GET /vector_stores", query={"limit": "2"})
    assert [row["id"] for row in page["data"]] == [ids[2], ids[1]]
    assert (page["first_id"], page["last_id"], page["has_more"]) == (ids[2], ids[1], True)
    rest = place.ask("GET /vector_stores", query={"limit": "2", "after": ids[1]})
    assert ([row["id"] for row in rest["data"]], rest["has_more"]) == ([ids[0]], False)
    oldest = place.ask("GET /vector_stores", query={"order": "asc"})
    assert [row["id"] for row in oldest["data"]] == ids


def test_an_empty_list_has_no_ends(place: Place) -> None:
    assert place.ask("GET /batches")["first_id"] is None


def test_children_need_their_parent(place: Place) -> None:
    assert place.plan("POST /threads/{}/messages", ids=("thread_x",), content="a").status == 404
    assert place.plan("GET /threads/{}/messages", ids=("thread_x",)).status == 404


@pytest.mark.parametrize("name", [name for name in BY_NAME if "{}" in name])
def test_no_operation_knows_an_unknown_id(name: str, place: Place) -> None:
    ids = ("x",) * name.count("{}")
    body: Json = {"content": "a", "assistant_id": "x", "file_id": "x", "query": {}}
    plan = place.plan(name, ids=ids, **body)
    assert plan.status == 404
