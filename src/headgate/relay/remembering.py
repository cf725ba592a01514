"""What is kept of a key's requests for its later ones: proofs, stored responses, owners of ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from headgate.base.clock import Clock
from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.bridge import DIALECTS
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.fields import legible
from headgate.ir.reply import Reply
from headgate.ir.request import ChatRequest, Part
from headgate.relay.call import Call
from headgate.relay.conversations import Conversations, continued, unknown_response
from headgate.relay.pins import Pin, Pins
from headgate.relay.proofs import Proofs
from headgate.relay.references import unescaped
from headgate.relay.sessions import Sessions
from headgate.routing.failover import Attempt

RESPONSES = "openai_responses"
_RESPONSE_ID = re.compile(rb'"id"\s*:\s*"(resp_[^"\\]{1,200})"')
_FILE_ID = re.compile(rb'"((?:file|vs|cntr|container|assistant)[-_][A-Za-z0-9_-]{4,200})"')
_FALSE = b"false"
_STATEFUL = ("previous_response_id", "conversation", "background", "prompt")
_ITEM_REFERENCE = re.compile(rb'"type"\s*:\s*"item_reference"')


class Stores(msgspec.Struct, frozen=True):
    """The stores of all keys."""

    proofs: Proofs = msgspec.field(default_factory=Proofs)
    conversations: Conversations = msgspec.field(default_factory=Conversations)
    pins: Pins = msgspec.field(default_factory=Pins)
    sessions: Sessions = msgspec.field(default_factory=Sessions)


class Resumed(NamedTuple):
    """A call that holds all that it goes on from, or whose owner is the only one to ask."""

    call: Call
    pin: Pin | None = None


class Memory(msgspec.Struct, frozen=True):
    """One key's part of the stores, for one request."""

    owner: str
    stores: Stores
    clock: Clock

    def resumed(self, call: Call) -> Resumed:
        """Find what a request goes on from, and which account owns the files that it names.

        Errors: RelayError INVALID_REQUEST when its `previous_response_id` or `conversation` is not
        this key's, or a file that it names is another's.
        """
        pin = self._owner_of_files(call)
        if call.dialect != RESPONSES:
            return Resumed(call, pin)
        pin = self._owner_of_conversation(call) or pin
        previous = call.value("previous_response_id")
        if previous is None:
            return Resumed(call, pin)
        now_s = self._now_s()
        if not isinstance(previous, str):
            raise unknown_response(str(previous))
        before = self.stores.conversations.items_before(self.owner, previous, now_s)
        if before is not None:
            fields = continued(call.fields, before)
            return Resumed(replace(call, fields=fields, body=msgspec.json.encode(fields)), pin)
        pin = self.stores.pins.find(self.owner, previous, now_s)
        if pin is None:
            raise unknown_response(previous)
        return Resumed(call, pin)

    def _owner_of_conversation(self, call: Call) -> Pin | None:
        """Find the account of the conversation that a request goes on with."""
        named = call.value("conversation")
        if isinstance(named, dict):
            named = named.get("id")
        if named is None:
            return None
        pin = self.stores.pins.find(self.owner, str(named), self._now_s())
        if pin is None:
            raise _not_yours("conversation", str(named))
        return pin

    def _owner_of_files(self, call: Call) -> Pin | None:
        """Find the account of a file or vector store that a request names.

        Looked for only where anybody has stored anything at all. An id that nobody here knows may
        be of the operator's own making, and goes on.
        """
        pins, now_s = self.stores.pins, self._now_s()
        if not len(pins):
            return None
        body = unescaped(legible(call.body))
        owner: Pin | None = None
        for found in _FILE_ID.finditer(body):
            named = found[1].decode()
            owner = owner or pins.find(self.owner, named, now_s)
            if pins.is_anothers(self.owner, named, now_s):
                raise _not_yours("input", named)
        return owner

    def note_native(self, call: Call, attempt: Attempt, data: bytes) -> None:
        """Note who owns a response that passes through, by the beginning of its answer."""
        if call.dialect != RESPONSES or not _stores(call):
            return
        found = _RESPONSE_ID.search(data)
        if found is not None:
            self.stores.pins.remember(self.owner, found[1].decode(), attempt, self._now_s())

    def note_translated(self, asked: Call, reply: Reply, context: ReplyContext) -> None:
        """Store a response whose upstream cannot. `asked` is the request as the caller made it."""
        if asked.dialect == RESPONSES and _stores(asked):
            written = DIALECTS[RESPONSES].encode_reply(reply, context)
            fields = asked.fields
            self.stores.conversations.remember(self.owner, fields, written, self._now_s())

    def note_proofs(self, origin: str, parts: Sequence[Part]) -> None:
        """Keep what a reply proved."""
        self.stores.proofs.remember(self.owner, origin, parts, self._now_s())

    def with_proofs(self, origin: str, request: ChatRequest) -> ChatRequest:
        """Put back the proofs that the caller's turns lack."""
        return self.stores.proofs.restored(self.owner, origin, request, self._now_s())

    def _now_s(self) -> float:
        return self.clock.monotonic_s()


def _not_yours(name: str, object_id: str) -> RelayError:
    message = f"No such object: {object_id[:200]}"
    return RelayError(Failure(kind=FailureKind.INVALID_REQUEST, message=message, param=name))


def refuse_state(call: Call) -> None:
    """Refuse to translate what only an upstream that speaks Responses can do.

    To leave it out would give a wrong answer. Another channel may well be able to.

    Errors: RelayError UNSUPPORTED_OPERATION, 400, naming the field.
    """
    if call.dialect != RESPONSES:
        return
    for name in _STATEFUL:
        raw = call.fields.get(name)
        if raw is not None and bytes(raw) not in (b"null", _FALSE):
            raise _stateful(name)
    if _ITEM_REFERENCE.search(bytes(call.fields.get("input", b""))):
        raise _stateful("input")


def _stateful(name: str) -> RelayError:
    why = "holds a reference to a stored item, which" if name == "input" else "is something that"
    return RelayError(
        Failure(
            kind=FailureKind.UNSUPPORTED_OPERATION,
            message=f"`{name}` {why} only an upstream of the Responses API itself can follow.",
            status=400,
            param=name,
        )
    )


def _stores(call: Call) -> bool:
    """`store` is on unless the caller says no."""
    raw = call.fields.get("store")
    return raw is None or bytes(raw) != _FALSE
