"""What the lab remembers of its Responses: each place its own, bounded in number and bytes.

Source: platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from msgspec import Struct, json
from msgspec.structs import replace

from headgate.lab.plan import Plan
from headgate.lab.wires import WIRES
from headgate.lab.wires.question import Fault, Json, Question, dicts, mapping
from headgate.lab.wires.responses_read import items

RESPONSES_MAX = 1000
BYTES_MAX = 64 << 20
ITEMS_DEFAULT = 20
ITEMS_MAX = 100


class Remembered(Struct):
    """One reply and all that was said before it. `polls` counts who asked for it while it ran."""

    response: Json
    given: list[Json]
    running: bool
    size: int
    polls: int = 0


class Responses:
    """The stored replies of all places, the oldest dropped first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Remembered] = OrderedDict()
        self._bytes = 0

    def keep(self, question: Question, plan: Plan) -> None:
        """Remember what a plan says is to be kept."""
        kept = plan.kept
        if kept is None:
            return
        size = len(json.encode(kept))
        entry = Remembered(kept["response"], kept["input"], kept["running"], size)
        self._kept[question.place, entry.response["id"]] = entry
        self._bytes += size
        while len(self._kept) > RESPONSES_MAX or self._bytes > BYTES_MAX:
            self._bytes -= self._kept.popitem(last=False)[1].size

    def forget(self, place: str, response_id: str) -> None:
        """Drop a reply, if it is there."""
        entry = self._kept.pop((place, response_id), None)
        self._bytes -= entry.size if entry is not None else 0

    def recall(self, question: Question) -> Question:
        """Complete a question about the Responses API by what it refers to."""
        if question.wire != "responses":
            return question
        if not question.ids:
            return self._continued(question)
        key = (question.place, question.ids[0])
        entry = self._kept.get(key)
        if entry is None:
            message = f"Response with id '{question.ids[0]}' not found."
            return replace(question, fault=Fault(404, message, "invalid_request_error"))
        match question.operation:
            case "input_items":
                return replace(question, ready=json.encode(_page(entry.given, question.query)))
            case "delete_response":
                del self._kept[key]
                self._bytes -= entry.size
                gone = {"id": question.ids[0], "object": "response", "deleted": True}
                return replace(question, ready=json.encode(gone))
            case "cancel_response":
                return _cancelled(question, entry)
            case _:
                return replace(question, ready=json.encode(_shown(entry)))

    def _continued(self, question: Question) -> Question:
        """Put what a request builds on in front of its input."""
        body = question.prompt.body
        before: list[Json] = []
        previous = body.get("previous_response_id")
        if isinstance(previous, str) and not question.prompt.problem.startswith("We could"):
            entry = self._kept.get((question.place, previous))
            if entry is None:
                message = f"Previous response with id '{previous}' not found."
                code, param = "previous_response_not_found", "previous_response_id"
                return replace(question, fault=Fault(400, message, code=code, param=param))
            before = [*entry.given, *dicts(entry.response["output"])]
        given = items(body.get("input"))
        if not before and all(item.get("type") != "item_reference" for item in given):
            return replace(question, unknown=self._unknown(question, given))
        known = self._items(question.place)
        found = [
            known.get(str(item.get("id")), item) if item.get("type") == "item_reference" else item
            for item in given
        ]
        prompt = WIRES[question.wire].read(body | {"input": [*before, *found]})
        return replace(question, prompt=prompt, unknown=self._unknown(question, found))

    def _unknown(self, question: Question, given: list[Json]) -> tuple[str, ...]:
        """The ids by which an input refers to items that the lab does not have."""
        named = [
            str(item["id"])
            for item in given
            if item.get("type") == "item_reference"
            or (item.get("type") == "reasoning" and not item.get("encrypted_content"))
            if item.get("id")
        ]
        if not named:
            return ()
        known = self._items(question.place)
        return tuple(name for name in named if name not in known)

    def _items(self, place: str) -> dict[str, Json]:
        """All items of a place by their ids."""
        return {
            str(item["id"]): item
            for (owner, _), entry in self._kept.items()
            if owner == place
            for item in (*entry.given, *dicts(entry.response["output"]))
            if "id" in item
        }


def _shown(entry: Remembered) -> Json:
    """The reply as it is now: one in the background is still under way when first asked for."""
    entry.polls += 1
    if not entry.running or entry.polls > 1:
        entry.running = False
        return entry.response
    return entry.response | {
        "status": "in_progress", "output": [], "usage": None, "completed_at": None,
    }  # fmt: skip


def _cancelled(question: Question, entry: Remembered) -> Question:
    if entry.response.get("background") is not True:
        message = "Cannot cancel a synchronous response."
        return replace(question, fault=Fault(400, message, "invalid_request_error"))
    if entry.running:
        entry.running = False
        entry.response |= {"status": "cancelled", "output": [], "usage": None}
    return replace(question, ready=json.encode(entry.response))


def _page(given: list[Json], query: Mapping[str, str]) -> Json:
    """A part of the input, the newest item first unless the caller says otherwise."""
    ordered = given if query.get("order") == "asc" else given[::-1]
    ids = [str(mapping(item).get("id")) for item in ordered]
    start = ids.index(query["after"]) + 1 if query.get("after") in ids else 0
    asked = query.get("limit", "")
    limit = max(1, min(int(asked) if asked.isdecimal() else ITEMS_DEFAULT, ITEMS_MAX))
    page = ordered[start : start + limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0].get("id") if page else None,
        "last_id": page[-1].get("id") if page else None,
        "has_more": start + limit < len(ordered),
    }
