"""What a vendor keeps for a caller: files, batches, fine-tuning jobs, assistants, threads, stores.

Nothing is translated: a request goes to the account that owns what it names, and comes back as it
is. A key sees its own objects only, although keys share accounts upstream; an object's first
request notes who made it.

Source: platform.openai.com/docs/api-reference (files, batch, fine-tuning, assistants, threads,
vector stores, uploads, containers, conversations, responses).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.providers.provider import Operation
from headgate.relay.answer import headers_for, with_content_type
from headgate.relay.call import Call
from headgate.relay.form import FormBody
from headgate.relay.pins import Pin, pinned_offer
from headgate.relay.stages import Stages
from headgate.routing.credentials import Chosen
from headgate.routing.failover import Attempt
from headgate.routing.plan import leaves
from headgate.snapshot.facts import Key, Offer
from headgate.upstream.open import Ask, open_upstream
from headgate.upstream.response import UpstreamResponse

_DIALECT = "openai_chat"
_NOTED = re.compile(
    rb'"((?:file|batch|ftjob|ftckpt|asst|thread|run|step|msg|vs|vsfb?|upload|part|resp|conv|cntr'
    rb'|container|eval)[-_][A-Za-z0-9_-]{4,200})"'
)
_OWN_ID = re.compile(rb'"id"\s*:\s*"([A-Za-z0-9_-]{4,200})"')
# Words that stand where an id could: what follows them is no object yet.
_VERBS = frozenset({"runs", "jobs", "search"})
_MOST_REFERENCES = 1_000


class ObjectCall(msgspec.Struct, frozen=True, kw_only=True):
    """One request about objects. `path` is what follows /v1, `query` as it was sent."""

    call: Call
    method: str
    path: str
    query: str
    body: bytes | FormBody = b""

    @property
    def segments(self) -> list[str]:
        """The path's parts."""
        return self.path.strip("/").split("/")

    @property
    def object_id(self) -> str:
        """The object that the path names; "" for its whole collection, or a new one."""
        segments = self.segments[1:]
        if segments and segments[0] in _VERBS:
            segments = segments[1:]
        return segments[0] if segments else ""


class ObjectAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An upstream's answer to be passed on, and who gave it."""

    attempt: Attempt
    response: UpstreamResponse


class Objects:
    """One key's objects."""

    def __init__(self, key: Key, stages: Stages) -> None:
        self._key = key
        self._stages = stages
        self._pins = stages.stores.pins

    async def ask(self, asked: ObjectCall) -> ObjectAnswer:
        """Ask whoever owns what the request names; for something new, the first who can.

        Errors: RelayError NOT_FOUND for what is not this key's, UNSUPPORTED_OPERATION when no
        channel of the key keeps such objects, and the upstream's own.
        """
        offers = self._offers()
        pin = self._owner(asked)
        if pin is not None:
            return await self._ask(asked, _offer_of(offers, pin))
        last: RelayError | None = None
        for offer in self._in_turn(offers):
            try:
                return await self._ask(asked, offer)
            except RelayError as error:
                if not error.failure.rule.retry:
                    raise
                last = error
        raise last or RelayError(_nobody(asked))

    def note(self, asked: ObjectCall, attempt: Attempt, data: bytes) -> None:
        """Note every id in an answer: they all live where it came from."""
        now_s = self._now_s()
        if asked.method == "DELETE" and len(asked.segments) <= 3:  # the object itself
            self._pins.forget(self._key.key_id, asked.object_id)
            return
        is_new = asked.method == "POST" and not asked.object_id
        own = _OWN_ID.search(data) if is_new else None
        if own is not None:
            collection = asked.segments[0]
            self._pins.remember(self._key.key_id, own[1].decode(), attempt, now_s, collection)
        for found in _references(data):
            if own is None or found != own[1].decode():
                self._pins.remember(self._key.key_id, found, attempt, now_s)

    def listed(self, collection: str) -> list[str]:
        """The key's objects of a collection, the newest first."""
        return self._pins.listed(self._key.key_id, collection, self._now_s())

    def _owner(self, asked: ObjectCall) -> Pin | None:
        """Find the account of everything that a request names. None: it names nothing."""
        named = [asked.object_id] if asked.object_id else []
        if isinstance(asked.body, bytes):
            named += _references(asked.body)
        owners = {each: self._pins.find(self._key.key_id, each, self._now_s()) for each in named}
        for object_id, pin in owners.items():
            if pin is None:
                raise RelayError(_unknown(object_id))
        pins = set(owners.values())
        if len(pins) > 1:
            raise RelayError(_apart(list(owners)))
        return next(iter(pins), None)

    def _in_turn(self, offers: Mapping[str, Offer]) -> list[Offer]:
        """Ask the account of the key's other objects first."""
        home = self._pins.home(self._key.key_id, self._now_s())
        if home is None or home.channel not in offers:
            return list(offers.values())
        others = [offer for name, offer in offers.items() if name != home.channel]
        with suppress(RelayError):  # that account is gone
            return [_offer_of(offers, home), *others]
        return list(offers.values())

    def _offers(self) -> dict[str, Offer]:
        """The key's channels that keep objects, in the order of its rules."""
        found: dict[str, Offer] = {}
        for routes in self._key.routes.values():
            for offer in leaves(routes):
                if Operation.OBJECTS in offer.channel.endpoints:
                    found.setdefault(offer.channel.name, offer)
        return found

    async def _ask(self, asked: ObjectCall, offer: Offer) -> ObjectAnswer:
        stages, channel = self._stages, offer.channel
        chosen = stages.credentials.choose(offer, set(), self._now_s())
        if not isinstance(chosen, Chosen):
            raise RelayError(
                Failure(
                    kind=FailureKind.NO_CREDENTIAL,
                    message=f"Every key of {channel.name} is at its limit.",
                    retry_after_s=chosen.wait_s,
                )
            )
        attempt = Attempt(offer=offer, credential=chosen.credential, rest=chosen.rest)
        (endpoint, *_) = channel.endpoints[Operation.OBJECTS]
        headers = headers_for(attempt, _DIALECT, asked.call)
        if not isinstance(asked.body, bytes):
            headers = with_content_type(headers, asked.body.content_type)
        ask = Ask(
            method=asked.method,
            url=_address(endpoint.url, asked),
            model="",
            query=chosen.credential.query,
            headers=headers,
            request_id=asked.call.request_id,
            body=asked.body,
            timeouts=offer.timeouts,
            proxy=channel.proxy,
            decode_error=OPENAI_CHAT.decode_error,
            sign=chosen.credential.sign,
        )
        response = await open_upstream(stages.client, ask, stages.clock.wall_s())
        return ObjectAnswer(attempt=attempt, response=response)

    def _now_s(self) -> float:
        return self._stages.clock.monotonic_s()


def _address(url: str, asked: ObjectCall) -> str:
    """Append the path and the caller's query to a root, which may have a query of its own."""
    root, _, own = url.partition("?")
    query = "&".join(part for part in (own, asked.query) if part)
    return f"{root}{asked.path}?{query}" if query else root + asked.path


def _references(data: bytes) -> list[str]:
    found = dict.fromkeys(match[1].decode() for match in _NOTED.finditer(data))
    return list(found)[:_MOST_REFERENCES]


def _offer_of(offers: Mapping[str, Offer], pin: Pin) -> Offer:
    offer = offers.get(pin.channel)
    if offer is None:
        raise RelayError(
            Failure(
                kind=FailureKind.UNSUPPORTED_OPERATION,
                message=f"The object lives at {pin.channel}, which this key cannot reach any more.",
            )
        )
    return pinned_offer(offer, pin)


def _unknown(object_id: str) -> Failure:
    return Failure(kind=FailureKind.NOT_FOUND, message=f"No such object: {object_id[:200]}")


def _apart(named: Sequence[str]) -> Failure:
    return Failure(
        kind=FailureKind.INVALID_REQUEST,
        message=f"These objects live at different accounts: {', '.join(named[:5])}",
    )


def _nobody(asked: ObjectCall) -> Failure:
    return Failure(
        kind=FailureKind.UNSUPPORTED_OPERATION,
        message=f"No channel of this key keeps {asked.segments[0].replace('_', ' ')}.",
    )
