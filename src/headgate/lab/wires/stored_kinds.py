"""Which kinds of objects the lab stores, and what can be done with each: one row per operation."""

from __future__ import annotations

from msgspec import Struct

from headgate.lab.plan import Plan
from headgate.lab.wires.assistants import (
    ASSISTANTS,
    MESSAGES,
    RUNS,
    THREADS,
    start_run,
    steps,
)
from headgate.lab.wires.files import (
    BATCHES,
    FILES,
    JOBS,
    STORE_FILES,
    UPLOAD_PARTS,
    UPLOADS,
    VECTOR_STORES,
    complete,
    content,
    job_events,
    search,
)
from headgate.lab.wires.question import Question
from headgate.lab.wires.stored import VERBS, Kind, Verb, end_as

WHOLE = ("create", "list", "get", "update", "delete")
METHODS = {"create": "POST", "list": "GET", "get": "GET", "update": "POST", "delete": "DELETE"}
OF_ONE = ("get", "update", "delete")


class Operation(Struct, frozen=True):
    """One thing that can be done; `template` is the end of its path, `{}` an id."""

    method: str
    template: str
    kind: Kind
    verb: Verb

    @property
    def name(self) -> str:
        """The operation's name in a route."""
        return f"{self.method} {self.template}"


def _several(kind: Kind, names: tuple[str, ...]) -> list[Operation]:
    """The ordinary operations of a kind."""
    above = kind.path.replace("/", "/{}/") if kind.parent else kind.path
    return [
        Operation(
            METHODS[name], f"/{above}/{{}}" if name in OF_ONE else f"/{above}", kind, VERBS[name]
        )
        for name in names
    ]


ROWS: tuple[Operation, ...] = (
    *_several(FILES, ("create", "list", "get", "delete")),
    Operation("GET", "/files/{}/content", FILES, content),
    *_several(UPLOADS, ("create",)),
    *_several(UPLOAD_PARTS, ("create",)),
    Operation("POST", "/uploads/{}/complete", UPLOADS, complete),
    Operation("POST", "/uploads/{}/cancel", UPLOADS, end_as("cancelled")),
    *_several(BATCHES, ("create", "list", "get")),
    Operation("POST", "/batches/{}/cancel", BATCHES, end_as("cancelling")),
    *_several(JOBS, ("create", "list", "get")),
    Operation("POST", "/fine_tuning/jobs/{}/cancel", JOBS, end_as("cancelled")),
    Operation("GET", "/fine_tuning/jobs/{}/events", JOBS, job_events),
    *_several(ASSISTANTS, WHOLE),
    *_several(THREADS, ("create", "get", "update", "delete")),
    *_several(MESSAGES, WHOLE),
    Operation("POST", "/threads/{}/runs", RUNS, start_run),
    *_several(RUNS, ("list", "get", "update")),
    Operation("POST", "/threads/{}/runs/{}/cancel", RUNS, end_as("cancelled")),
    Operation("GET", "/threads/{}/runs/{}/steps", RUNS, steps),
    *_several(VECTOR_STORES, WHOLE),
    Operation("POST", "/vector_stores/{}/search", VECTOR_STORES, search),
    *_several(STORE_FILES, ("create", "list", "get", "delete")),
)
BY_NAME = {row.name: row for row in ROWS}


def answer(question: Question) -> Plan:
    """Do what the operation of a question says."""
    row = BY_NAME[question.operation]
    return row.verb(row.kind, question)
