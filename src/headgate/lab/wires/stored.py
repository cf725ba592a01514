"""OpenAI's stored objects: create, list, get, change and delete, alike for every kind.

An object belongs to the place that made it: no other place knows its id. What is special to a
kind is in `stored_kinds` and `assistants`.

Source: platform.openai.com/docs/api-reference, the "object" of each kind
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, json

from headgate.lab.objects import Stored
from headgate.lab.plan import Plan, whole
from headgate.lab.wires.openai import CREATED
from headgate.lab.wires.openai_other import number, refusal
from headgate.lab.wires.question import Json, Question, mapping

PAGE_DEFAULT = 20
PAGE_MAX = 10_000
FIXED = frozenset(("id", "object", "created_at", "status"))


class Kind(Struct, frozen=True):
    """One kind of object. `path` is its path without ids; `parent` the kind that holds it.

    `make` gives the fields beyond id, object and created_at, and the bytes of a file; or refuses.
    `look` changes an object when it is looked at, as time would.
    """

    path: str
    name: str
    prefix: str
    make: Callable[[Question], Json | Plan]
    parent: str = ""
    look: Callable[[Question, Json], Json] | None = None
    data: Callable[[Question], bytes | None] | None = None


def owner_of(kind: Kind, question: Question) -> str:
    """The id of the parent, empty for what has none."""
    return question.ids[0] if kind.parent else ""


def not_found(kind_name: str, object_id: str) -> Plan:
    """Refuse an id that this place does not know."""
    return refusal(f"No {kind_name} found with id '{object_id}'.", 404)


def orphan(kind: Kind, question: Question) -> Plan | None:
    """Refuse what belongs to an unknown parent."""
    if not kind.parent or question.shelf.get(question.place, kind.parent, question.ids[0]):
        return None
    return not_found(kind.parent.removesuffix("s"), question.ids[0])


def new_id(kind: Kind, question: Question, part: str = "") -> str:
    """An id that no other place of this lab gives away."""
    return f"{kind.prefix}lab{question.number}{part}"


def keep(kind: Kind, question: Question, fields: Json, data: bytes | None = b"") -> Json:
    """Put an object on the shelf; `fields` may say its id."""
    shown: Json = {"id": new_id(kind, question), "object": kind.name}
    shown |= {"created_at": CREATED + question.number} | fields
    owner = owner_of(kind, question)
    question.shelf.put(question.place, kind.path, Stored(shown, data), owner)
    return shown


def create(kind: Kind, question: Question) -> Plan:
    """Make an object."""
    refused = orphan(kind, question)
    if refused is not None:
        return refused
    made = kind.make(question)
    if isinstance(made, Plan):
        return made
    data = b"" if kind.data is None else kind.data(question)
    return whole(json.encode(keep(kind, question, made, data)))


def show_all(kind: Kind, question: Question) -> Plan:
    """List objects, the newest first, by pages."""
    refused = orphan(kind, question)
    if refused is not None:
        return refused
    stored = question.shelf.all_of(question.place, kind.path, owner_of(kind, question))
    rows = [each.shown for each in stored]
    if question.query.get("order") != "asc":
        rows.reverse()
    purpose = question.query.get("purpose")
    rows = [row for row in rows if purpose in (None, row.get("purpose"))]
    ids = [row["id"] for row in rows]
    after = question.query.get("after")
    rows = rows[ids.index(after) + 1 :] if after in ids else rows
    limit = max(1, min(number(question.query.get("limit"), PAGE_DEFAULT), PAGE_MAX))
    page = rows[:limit]
    return whole(json.encode(listing(page, has_more=len(rows) > limit)))


def listing(page: list[Json], *, has_more: bool = False) -> Json:
    """One page of a list."""
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": has_more,
    }


def find(kind: Kind, question: Question) -> Stored | None:
    """The object that a path names."""
    owner = owner_of(kind, question)
    return question.shelf.get(question.place, kind.path, question.ids[-1], owner)


def show(kind: Kind, question: Question) -> Plan:
    """Get one object, after what time does to it."""
    stored = find(kind, question)
    if stored is None:
        return not_found(kind.name, question.ids[-1])
    if kind.look is not None:
        stored.shown = kind.look(question, stored.shown)
    return whole(json.encode(stored.shown))


def change(kind: Kind, question: Question) -> Plan:
    """Change the fields that the body names, and add to the metadata."""
    stored = find(kind, question)
    if stored is None:
        return not_found(kind.name, question.ids[-1])
    body = {name: value for name, value in question.prompt.body.items() if name not in FIXED}
    if "metadata" in body:
        body["metadata"] = mapping(stored.shown.get("metadata")) | mapping(body["metadata"])
    stored.shown = stored.shown | body
    return whole(json.encode(stored.shown))


def delete(kind: Kind, question: Question) -> Plan:
    """Delete one object. A file's confirmation alone is not called `deleted`."""
    object_id = question.ids[-1]
    owner = owner_of(kind, question)
    if not question.shelf.drop(question.place, kind.path, object_id, owner):
        return not_found(kind.name, object_id)
    name = kind.name if kind.name == "file" else f"{kind.name}.deleted"
    return whole(json.encode({"id": object_id, "object": name, "deleted": True}))


def end_as(status: str) -> Callable[[Kind, Question], Plan]:
    """Make the operation that gives an object another status, such as cancelled."""

    def end(kind: Kind, question: Question) -> Plan:
        stored = find(kind, question)
        if stored is None:
            return not_found(kind.name, question.ids[-1])
        stored.shown = stored.shown | {"status": status, f"{status}_at": CREATED + question.number}
        return whole(json.encode(stored.shown))

    return end


Verb = Callable[[Kind, Question], Plan]

VERBS: dict[str, Verb] = {
    "create": create,
    "list": show_all,
    "get": show,
    "update": change,
    "delete": delete,
}
