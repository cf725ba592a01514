"""From the request for a WebSocket to who talks on it, or to the answer that refuses it."""

from __future__ import annotations

from itertools import takewhile

from msgspec import Struct, json
from msgspec.structs import replace

from headgate.lab.journal import Received
from headgate.lab.plan import Hang, Plan, Step, Wait
from headgate.lab.routes import Route, place
from headgate.lab.site import Site, understand
from headgate.lab.sockets.realtime import Realtime
from headgate.lab.sockets.responses import Responses
from headgate.lab.sockets.talk import Talk
from headgate.lab.wires.question import Json

WIRES = {"/realtime": "realtime", "/responses": "responses"}
# What is asked to learn how the place behaves; nobody hears the answer.
TRIAL = json.encode({"input": "hello", "store": False})
BETA = "realtime=v1"


class Opening(Struct, frozen=True):
    """A connection that is to be made: who talks, and the pauses before the handshake."""

    talk: Talk
    before: tuple[Step, ...]


def opening(site: Site, received: Received) -> Opening | Plan:
    """Open an endpoint, or answer as HTTP where there is none or where its place refuses."""
    path = received.path.rstrip("/")
    suffix = next((suffix for suffix in WIRES if path.endswith(suffix)), None)
    if suffix is None:
        return site.plan(received, b"")
    name, wire = place(path.removesuffix(suffix)), WIRES[suffix]
    # Azure calls the model a deployment.
    model = received.query.get("model") or received.query.get("deployment", "")
    found = Route(wire, "chat", name, model, stream=True)
    plan = site.choose(received, understand(received, found, TRIAL, site.shelf))
    if plan.status != 200:
        return plan
    talk = _realtime(site, received, found) if wire == "realtime" else _responses(site, received)
    before = tuple(takewhile(lambda step: isinstance(step, Wait | Hang), plan.steps))
    return Opening(talk, before)


def _inner(site: Site, received: Received) -> Received:
    """A message as a request of its own, which the journal does not list."""
    number = site.journal.next_number()
    return replace(received, method="POST", number=number, frames=[])


def _realtime(site: Site, received: Received, found: Route) -> Talk:
    def answer(body: Json) -> Plan:
        inner = _inner(site, received)
        return site.choose(inner, understand(inner, found, json.encode(body), site.shelf))

    beta = BETA in received.headers.get("openai-beta", "")
    session_id = f"sess_lab_{received.number}"
    return Realtime(session_id, found.model, answer, beta=beta)


def _responses(site: Site, received: Received) -> Talk:
    def answer(body: Json) -> Plan:
        inner = _inner(site, received)
        plan = site.plan(inner, json.encode(body))
        received.model, received.behaviour = inner.model, inner.behaviour
        return plan

    def forget(response_id: str) -> None:
        site.responses.forget(received.place, response_id)

    return Responses(answer, forget)
