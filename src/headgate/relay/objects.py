"""What a vendor keeps for a caller: files, batches, fine-tuning jobs, assistants, threads, stores.

Nothing is translated but the name of a model: a request goes to the account that owns what it
names, and comes back as it is. A key sees its own objects only, although keys share accounts
upstream; an object's first request notes who made it.

Source: platform.openai.com/docs/api-reference (files, batch, fine-tuning, assistants, threads,
vector stores, uploads, containers, conversations, responses).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.providers.provider import Operation
from headgate.relay.attempts import without_secret
from headgate.relay.call import Call
from headgate.relay.form import FormBody
from headgate.relay.pins import Pin, pinned_offer
from headgate.relay.references import is_marked, mentioned, mentioned_plainly, told
from headgate.relay.stages import Stages
from headgate.relay.upstream_headers import headers_for, with_content_type
from headgate.routing.credentials import Chosen
from headgate.routing.failover import Attempt
from headgate.routing.plan import leaves
from headgate.snapshot.facts import Key, Offer
from headgate.upstream.open import Ask, open_upstream
from headgate.upstream.response import UpstreamResponse

_DIALECT = "openai_chat"
# Words that stand where an id could: what follows them is no object yet.
_VERBS = {"fine_tuning": "jobs", "threads": "runs"}
_CONTENT = "content"  # a file's own bytes, which tell of nothing whatever is written in them


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
        collection, *segments = self.segments
        if segments and segments[0] == _VERBS.get(collection):
            segments = segments[1:]
        return segments[0] if segments else ""

    @property
    def makes_new(self) -> bool:
        """Whether something new is asked for."""
        return self.method == "POST" and not self.object_id


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

        Errors: RelayError NOT_FOUND for what is not this key's, MODEL_NOT_FOUND for a model that
        the key may not use, UNSUPPORTED_OPERATION when no channel of the key keeps such objects,
        and the upstream's own.
        """
        offers = self._offers(asked.call.model)
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
        """Note every id in an answer, or in one event of it: they all live where it came from."""
        owner, now_s = self._key.key_id, self._now_s()
        if asked.method == "DELETE":
            if asked.segments[-1] == asked.object_id:
                self._pins.forget(owner, asked.object_id)
            return
        if asked.segments[-1] == _CONTENT:
            return
        own, others = told(data)
        if asked.makes_new and own:
            collection = asked.segments[0] if asked.segments[-1] != "runs" else ""
            self._pins.remember(owner, own, attempt, now_s, collection)
        for found in others:
            if found != own or not asked.makes_new:
                self._pins.remember(owner, found, attempt, now_s)

    def listed(self, collection: str) -> list[str]:
        """The key's objects of a collection, the newest first."""
        return self._pins.listed(self._key.key_id, collection, self._now_s())

    def _owner(self, asked: ObjectCall) -> Pin | None:
        """Find the account of everything that a request names. None: it names nothing."""
        owner, now_s = self._key.key_id, self._now_s()
        found: dict[str, Pin] = {}
        for each in _named_in(asked):
            pin = self._pins.find(owner, each, now_s)
            if pin is not None:
                found[each] = pin
                continue
            is_part = each in asked.segments[2:] and each != asked.object_id  # of the key's own
            must_be_known = each == asked.object_id or (is_marked(each) and not is_part)
            if must_be_known or self._pins.is_anothers(owner, each, now_s):
                raise RelayError(_unknown(each))
        if len(set(found.values())) > 1:
            raise RelayError(_apart(list(found)))
        return next(iter(found.values()), None)

    def _in_turn(self, offers: Mapping[str, Offer]) -> list[Offer]:
        """Ask the account of the key's other objects first."""
        home = self._pins.home(self._key.key_id, self._now_s())
        if home is None or home.channel not in offers:
            return list(offers.values())
        others = [offer for name, offer in offers.items() if name != home.channel]
        with suppress(RelayError):  # that account is gone
            return [_offer_of(offers, home), *others]
        return list(offers.values())

    def _offers(self, model: str) -> dict[str, Offer]:
        """The key's channels that keep objects, in the order of its rules; those of a model."""
        found: dict[str, Offer] = {}
        if model and model not in self._key.routes:
            raise RelayError(_no_model(model))
        tables = [self._key.routes[model]] if model else self._key.routes.values()
        for routes in tables:
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
        headers, body = headers_for(attempt, _DIALECT, asked.call), _body_for(asked, offer)
        if not isinstance(body, bytes):
            headers = with_content_type(headers, body.content_type)
        ask = Ask(
            method=asked.method,
            url=_address(endpoint.url, asked),
            model="",
            query=chosen.credential.query,
            headers=headers,
            request_id=asked.call.request_id,
            body=body,
            timeouts=offer.timeouts,
            proxy=channel.proxy,
            decode_error=OPENAI_CHAT.decode_error,
            sign=chosen.credential.sign,
        )
        try:
            response = await open_upstream(stages.client, ask, stages.clock.wall_s())
        except RelayError as error:
            raise RelayError(without_secret(error.failure, chosen.credential.secret)) from None
        return ObjectAnswer(attempt=attempt, response=response)

    def _now_s(self) -> float:
        return self._stages.clock.monotonic_s()


def _address(url: str, asked: ObjectCall) -> str:
    """Append the path and the caller's query to a root, which may have a query of its own."""
    root, _, own = url.partition("?")
    query = "&".join(part for part in (own, asked.query) if part)
    return f"{root}{asked.path}?{query}" if query else root + asked.path


def _named_in(asked: ObjectCall) -> Iterator[str]:
    """Give what a request could mean objects by: in its path, its body, the fields of its form.

    Errors: RelayError INVALID_REQUEST for a reference in a form that cannot be read here.
    """
    if asked.object_id:
        yield asked.object_id
    yield from (each for each in asked.segments[2:] if each != asked.object_id)
    if isinstance(asked.body, bytes):
        yield from mentioned(asked.body)
    form = asked.call.form
    if form is None:
        return
    for part in form.parts:
        if part.is_text:
            yield from mentioned_plainly(form.store.read(part.start, part.stop))
        elif part.name.endswith("_id"):
            raise RelayError(_not_plain(part.name[:64]))


def _body_for(asked: ObjectCall, offer: Offer) -> bytes | FormBody:
    """Give the body, with the model's name upstream."""
    call = asked.call
    if not call.model or call.model == offer.model:
        return asked.body
    model = msgspec.Raw(msgspec.json.encode(offer.model))
    return msgspec.json.encode({**call.fields, "model": model})


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


def _no_model(model: str) -> Failure:
    message = f"The model `{model}` does not exist or your key may not use it."
    return Failure(kind=FailureKind.MODEL_NOT_FOUND, message=message, param="model")


def _not_plain(name: str) -> Failure:
    message = f"`{name}` must be a plain field, not a file"
    return Failure(kind=FailureKind.INVALID_REQUEST, message=message, param=name)


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
