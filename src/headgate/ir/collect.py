"""Between a whole reply and its events: `collect` joins, `replay` takes apart.

With these two a dialect needs no second code path: a reply that was streamed can be given whole,
and a whole one streamed: `collect(replay(reply)) == reply`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.ir.events import (
    Ended,
    Event,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
)
from headgate.ir.reply import Choice, Finish, Reply
from headgate.ir.request import (
    Audio,
    Citation,
    File,
    Image,
    Inline,
    Json,
    Part,
    Refusal,
    Signature,
    Source,
    Text,
    Thinking,
    ToolCall,
)

_JOINED_AT = 256  # pieces


def collect(events: Iterable[Event]) -> Reply:
    """Join the events of one reply.

    Errors: RelayError with the failure of a `Failed`; UPSTREAM_INTERRUPTED when the events stop
    before `Ended`.
    """
    collector = Collector()
    for event in events:
        collector.feed(event)
    return collector.reply()


class Collector:
    """Joins events that come one by one. One per reply."""

    def __init__(self) -> None:
        self._started = Started()
        self._parts: dict[tuple[int, int], _Pieces] = {}  # by (choice, index)
        self._logprobs: dict[int, LogprobPieces] = {}
        self._finishes: dict[int, Finish] = {}
        self._ended: Ended | None = None

    def feed(self, event: Event) -> None:
        """Take an event. Raises RelayError when it is `Failed`."""
        match event:
            case PartDelta():
                self._parts[event.choice, event.index].add(event)
                if event.logprobs is not None:
                    self._logprobs.setdefault(event.choice, LogprobPieces()).add(event.logprobs)
            case PartStarted():
                self._parts[event.choice, event.index] = _Pieces(event.part)
            case Started():
                self._started = event
            case Finished():
                self._finishes[event.choice] = event.finish
            case Ended():
                self._ended = event
            case Failed():
                raise RelayError(event.failure)
            case PartEnded():
                pass

    def reply(self) -> Reply:
        """Give the reply. Raises RelayError (UPSTREAM_INTERRUPTED) when it has not ended."""
        if self._ended is None:
            raise RelayError(
                Failure(
                    kind=FailureKind.UPSTREAM_INTERRUPTED,
                    message="the upstream's reply stopped before its end",
                )
            )
        parts: dict[int, list[Part]] = {}
        for choice, index in sorted(self._parts):
            parts.setdefault(choice, []).append(self._parts[choice, index].joined())
        usage = self._ended.usage if self._ended.usage is not None else self._started.usage
        return Reply(
            reply_id=self._started.reply_id,
            model=self._started.model,
            choices=tuple(
                self._choice(index, parts.get(index, ())) for index in sorted(self._finishes)
            ),
            usage=usage,
            created=self._started.created,
            service_tier=self._ended.service_tier or self._started.service_tier,
            system_fingerprint=self._started.system_fingerprint,
            extras=self._ended.extras,
        )

    def _choice(self, choice: int, parts: Iterable[Part]) -> Choice:
        return Choice(
            index=choice,
            parts=tuple(parts),
            finish=self._finishes[choice],
            logprobs=pieces.joined() if (pieces := self._logprobs.get(choice)) else None,
        )


class _Growing:
    """A text in pieces. A few letters each would take twenty times their size."""

    __slots__ = ("_long", "_short")

    def __init__(self) -> None:
        self._long: list[str] = []
        self._short: list[str] = []

    def add(self, text: str) -> None:
        """Take the next piece."""
        if text:
            self._short.append(text)
            if len(self._short) == _JOINED_AT:
                self._long.append("".join(self._short))
                self._short.clear()

    def joined(self) -> str:
        """Give the text so far."""
        return "".join((*self._long, *self._short))


class _Pieces:
    """A part that is still growing."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._texts = _Growing()
        self._transcripts = _Growing()
        self._citations: list[Citation] = []
        self._signature: Signature | None = None

    def add(self, delta: PartDelta) -> None:
        self._texts.add(delta.text)
        self._transcripts.add(delta.transcript)
        self._citations.extend(delta.citations)
        if delta.signature is not None:
            self._signature = delta.signature

    def joined(self) -> Part:
        part, more = self._part, self._texts.joined()
        match part:
            case Text():
                return msgspec.structs.replace(
                    part,
                    text=part.text + more,
                    citations=part.citations + tuple(self._citations),
                    signature=self._signature or part.signature,
                )
            case Thinking():
                signature = self._signature or part.signature
                return msgspec.structs.replace(part, text=part.text + more, signature=signature)
            case Refusal():
                return Refusal(text=part.text + more)
            case ToolCall():
                signature = self._signature or part.signature
                arguments = part.arguments + more
                return msgspec.structs.replace(part, arguments=arguments, signature=signature)
            case Image():
                signature = self._signature or part.signature
                source = _longer(part.source, more)
                return msgspec.structs.replace(part, source=source, signature=signature)
            case Audio():
                transcript = part.transcript + self._transcripts.joined()
                source = _longer(part.source, more)
                return msgspec.structs.replace(part, source=source, transcript=transcript)
            case File():
                return msgspec.structs.replace(part, source=_longer(part.source, more))
            case _:  # Opaque and ToolResult start whole
                return part


def _longer(source: Source, data: str) -> Source:
    if isinstance(source, Inline):
        return Inline(media_type=source.media_type, data=source.data + data)
    return source


class LogprobPieces:
    """Joins OpenAI's `{"content": [...], "refusal": [...]}` objects; either list may be null.

    Grows in place: a long stream brings one object for each token.
    """

    def __init__(self) -> None:
        self._joined: Json = {}

    def add(self, more: Json) -> None:
        """Take the object of one delta."""
        for name, entries in more.items():
            before = self._joined.get(name)
            if isinstance(before, list) and isinstance(entries, list):
                before.extend(entries)
            elif isinstance(entries, list):
                self._joined[name] = list(entries)  # ours: it will grow
            elif entries is not None or name not in self._joined:
                self._joined[name] = entries

    def joined(self) -> Json:
        """Give what has come so far."""
        return self._joined


def replay(reply: Reply) -> Iterator[Event]:
    """Take a reply apart into the events of a stream that ends well."""
    yield Started(
        reply_id=reply.reply_id,
        model=reply.model,
        created=reply.created,
        usage=reply.usage,
        service_tier=reply.service_tier,
        system_fingerprint=reply.system_fingerprint,
    )
    for choice in reply.choices:
        yield from _replay_choice(choice)
    yield Ended(usage=reply.usage, extras=reply.extras)


def _replay_choice(choice: Choice) -> Iterator[Event]:
    bearer = _logprobs_bearer(choice.parts)
    for index, part in enumerate(choice.parts):
        head, delta = _taken_apart(part, index, choice.index)
        if index == bearer and choice.logprobs is not None:
            delta = delta or PartDelta(index, choice=choice.index)
            delta = msgspec.structs.replace(delta, logprobs=choice.logprobs)
        yield PartStarted(index, head, choice.index)
        if delta is not None:
            yield delta
        yield PartEnded(index, choice.index)
    yield Finished(choice.finish, choice.index)


def _logprobs_bearer(parts: tuple[Part, ...]) -> int:
    """The part whose delta carries the logprobs: the first that is text, else the first."""
    spoken = (index for index, part in enumerate(parts) if isinstance(part, Text | Refusal))
    return next(spoken, 0)


def _taken_apart(part: Part, index: int, choice: int) -> tuple[Part, PartDelta | None]:
    """Split a part into how it starts and what follows; media and opaque parts start whole."""
    head: Part
    match part:
        case Text(text=text, citations=citations, signature=signature):
            head = Text(text="", cache=part.cache)
            delta = PartDelta(index, text, choice, signature, citations)
        case Thinking(text=text, signature=signature, redacted=False):
            head = Thinking()
            delta = PartDelta(index, text, choice, signature)
        case Refusal(text=text):
            head = Refusal()
            delta = PartDelta(index, text, choice)
        case ToolCall(arguments=arguments):
            # Its signature stays at the start: OpenAI callers get it inside the call's id.
            head = msgspec.structs.replace(part, arguments="")
            delta = PartDelta(index, arguments, choice)
        case _:
            return part, None
    says_something = delta.text or delta.citations or delta.signature is not None
    return head, delta if says_something else None
