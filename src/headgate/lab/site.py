"""From a received request to the plan of its answer: recordings, behaviours, or a greeting."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import msgspec
from msgspec import Struct, json
from msgspec.structs import replace

from headgate.base.clock import Clock
from headgate.lab.forms import Form
from headgate.lab.journal import Journal, Received
from headgate.lab.objects import Shelf
from headgate.lab.plan import Plan, whole
from headgate.lab.recordings import RecordingError, RecordingFolder, replay
from headgate.lab.remembered import Responses
from headgate.lab.routes import Route, route
from headgate.lab.scripts.answers import hello, refuse
from headgate.lab.scripts.refusals import not_offered
from headgate.lab.scripts.table import MODELS, find
from headgate.lab.sigv4 import Signed, refusal
from headgate.lab.wires import WIRES, openai_other
from headgate.lab.wires.question import Fault, Json, Prompt, Question
from headgate.lab.wires.tasks import OTHERS

OWN_PATH = "/_lab/requests"
RECORDING_HEADER = "x-lab-recording"
CHUNKS_HEADER = "x-lab-chunks"
RECORDING_MODEL = "rec:"
CREDENTIAL_HEADERS = ("x-api-key", "x-goog-api-key", "api-key")


class Asked(Struct, frozen=True):
    """Which recording a request asks for, and in what pieces."""

    recording_id: str
    chunks: str


class Site:
    """Everything that the lab answers with, apart from the fast responder.

    Raises `RecordingError` if the folder of recordings is unreadable.
    """

    def __init__(self, recordings: Path | None, clock: Clock) -> None:
        self.clock = clock
        self.journal = Journal()
        self.shelf = Shelf()
        self.responses = Responses()
        self._recordings = None if recordings is None else RecordingFolder(recordings)

    def plan(self, received: Received, body: bytes | Form) -> Plan:
        """Choose the answer, and note in `received` what was chosen and by which model."""
        asked = _asked_by_path(received) or _asked_by_header(received)
        if asked is not None:
            return self._replay(received, asked)
        found = route(received.method, received.path, received.headers, received.query)
        if found is None:
            received.place = "(none)"
            return not_offered(received.path)
        question = self.responses.recall(understand(received, found, body, self.shelf))
        if found.wire == "bedrock":
            question = replace(question, fault=self._unsigned(received, body))
        return self.choose(received, question)

    def choose(self, received: Received, question: Question) -> Plan:
        """Choose the behaviour that answers a question, and let it answer."""
        received.place, received.model = question.place, question.model
        received.stream = question.stream
        if question.model.startswith(RECORDING_MODEL):
            recording_id = question.model.removeprefix(RECORDING_MODEL)
            return self._replay(received, Asked(recording_id, _chunks(received)))
        named = "" if question.operation == "model" else question.model
        chosen = find(question.place) or find(named)
        if chosen is None:
            received.behaviour = "hello"
            return self._settled(question, hello(question, 0))
        behaviour, number = chosen
        received.behaviour = behaviour.name
        plan = behaviour.script(question, number)
        received.displeasure, received.bypassed = plan.displeasure, plan.bypassed
        return self._settled(question, plan)

    def _unsigned(self, received: Received, body: bytes | Form) -> Fault | None:
        """What is wrong with AWS's signature."""
        data = b"" if isinstance(body, Form) else body
        signed = Signed(received.method, received.target, received.headers, data)
        return refusal(signed, self.clock.wall_s())

    def _settled(self, question: Question, plan: Plan) -> Plan:
        """What is wrong with a request shows only where the place itself is well."""
        if question.fault is not None and plan.status < 400:
            return refuse(question, question.fault)
        self.responses.keep(question, plan)
        return plan

    def _replay(self, received: Received, asked: Asked) -> Plan:
        received.place = received.place or "rec"
        received.behaviour = RECORDING_MODEL + asked.recording_id
        try:
            if self._recordings is None:
                raise RecordingError("the lab was started without a folder of recordings")
            recording = self._recordings.read(asked.recording_id)
            received.stream = recording.stream
            return replay(recording, asked.chunks)
        except RecordingError as error:
            message = {"error": {"message": f"lab: {error}", "type": "lab_error"}}
            return whole(json.encode(message), status=404)

    def own(self, received: Received) -> Plan:
        """Show or clear the journal."""
        if received.method == "DELETE":
            self.journal.clear()
            return whole(b"{}")
        place = received.query.get("place")
        rows = [row.view() for row in self.journal if place in (None, row.place)]
        return whole(json.encode({"counters": self.journal.counters, "requests": rows}))


def is_own(path: str) -> bool:
    """Whether a path asks about the lab itself."""
    return path.endswith(OWN_PATH)


def _asked_by_path(received: Received) -> Asked | None:
    """`/rec/<id>/...` or `/rec/<id>/chunks-<how>/...`, for gateways that add no header."""
    match received.path.split("/"):
        case ["", "rec", recording_id, how, *_] if how.startswith("chunks-"):
            return Asked(recording_id, how.removeprefix("chunks-"))
        case ["", "rec", recording_id, *_]:
            return Asked(recording_id, _chunks(received))
        case _:
            return None


def _asked_by_header(received: Received) -> Asked | None:
    recording_id = received.headers.get(RECORDING_HEADER)
    return None if recording_id is None else Asked(recording_id, _chunks(received))


def _chunks(received: Received) -> str:
    return received.query.get("chunks") or received.headers.get(CHUNKS_HEADER) or "whole"


def understand(received: Received, found: Route, body: bytes | Form, shelf: Shelf) -> Question:
    """Read the body in the words of its wire."""
    prompt = _prompt(found, body)
    return Question(
        wire=found.wire,
        operation=found.operation,
        place=unquote(found.place),
        model=found.model or prompt.model,
        stream=found.stream or prompt.stream,
        as_array=found.wire == "gemini" and found.stream and received.query.get("alt") != "sse",
        credential=_credential(received),
        number=received.number,
        models=MODELS,
        prompt=prompt,
        ids=found.ids,
        query=received.query,
        shelf=shelf,
    )


def _prompt(found: Route, body: bytes | Form) -> Prompt:
    """Read the body; what is no JSON object is a problem, not an exception."""
    if found.operation in ("models", "model") or (found.wire == "responses" and found.ids):
        return Prompt()
    read = openai_other.read if found.operation in OTHERS else WIRES[found.wire].read
    if isinstance(body, Form):
        return replace(read(body.fields()), form=body)
    if not body and found.operation in OTHERS:
        return Prompt()
    try:
        decoded = json.decode(body, type=Json)
    except (msgspec.DecodeError, RecursionError) as error:
        return Prompt(problem=f"We could not parse the JSON body of your request: {error}")
    return read(decoded)


def _credential(received: Received) -> str:
    """The key that the caller sent, wherever it stands."""
    headers = received.headers
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token
    named = next((headers[name] for name in CREDENTIAL_HEADERS if name in headers), None)
    return named or received.query.get("key", "")
