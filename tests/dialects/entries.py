"""Every place where bytes of others come in, each as a function that takes them.

What a place may do with them: give a result, or raise a RelayError that blames who sent them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import chain

import msgspec

from headgate.base.clock import SystemClock
from headgate.base.failure import Blame, FailureKind, RelayError
from headgate.base.frames import Frame
from headgate.dialects import embed_content
from headgate.dialects.audio import SPEECH, TRANSCRIPTS
from headgate.dialects.bridge import DIALECTS, WIRES, translated
from headgate.dialects.dialect import Dialect, Fields, ReplyContext, Target, Wire
from headgate.dialects.embeddings import EMBEDDINGS
from headgate.dialects.images import IMAGE_EDITS, IMAGES
from headgate.dialects.moderations import flagged
from headgate.dialects.openai_chat.tasks import TaskWire, event_failure, fields_of
from headgate.dialects.rerank import RERANK
from headgate.dialects.search import SEARCH, SearchWire
from headgate.dialects.token_counts import COUNTS
from headgate.edge.json_body import decode_fields
from headgate.ir.collect import collect, replay
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
from headgate.ir.loss import Losses
from headgate.ir.reply import Reply
from headgate.relay.call import asks_for_usage, flag_field, text_field
from headgate.relay.conversations import items_of
from headgate.relay.lane import PassThrough, StreamLane, Translated
from headgate.relay.moderation import last_user_text
from headgate.relay.need import estimated_prompt, request_type
from headgate.relay.remembering import Memory, Stores, refuse_state
from headgate.relay.renaming import Renaming
from headgate.relay.sessions import session_of
from headgate.upstream.classify import classify
from tests.calls import call
from tests.dialects.streams import frames_of

Entry = Callable[[bytes], object]

_CALLERS_FAULTS = frozenset(
    {
        FailureKind.INVALID_JSON,
        FailureKind.INVALID_REQUEST,
        FailureKind.UNSUPPORTED_OPERATION,
        FailureKind.REQUEST_TOO_LARGE,
    }
)


def context() -> ReplyContext:
    """What an encoder must know; of its own, as losses are collected in it."""
    return ReplyContext(model="m", reply_id="r", created=1, include_usage=True)


def blames_the_caller(error: RelayError) -> bool:
    """Whether the caller is told what is wrong with its request."""
    return error.failure.kind in _CALLERS_FAULTS and bool(error.failure.message)


def blames_the_upstream(error: RelayError) -> bool:
    """Whether it is the upstream's failure, or what the upstream said of the caller's request."""
    kind = error.failure.kind
    if kind in (FailureKind.INTERNAL, FailureKind.INVALID_JSON):
        return False
    return error.failure.rule.blame is not Blame.GATEWAY and bool(error.failure.message)


# ------------------------------------------------------------------ from callers


def ask(dialect: Dialect, data: bytes) -> None:
    """Read a chat request, and write it for every wire."""
    fields = decode_fields(data)
    target = Target(model="claude-sonnet-4-5", alias="m", provider="p")
    msgspec.json.encode(dialect.patch_request(fields, target))
    request = dialect.decode_request(data)
    for wire in WIRES.values():
        for model in ("gpt-5.1", "gemini-2.5-flash", "anthropic.claude-sonnet-4-5-20250929-v1:0"):
            try:
                body, _ = translated(wire, request, msgspec.structs.replace(target, model=model))
            except RelayError as error:
                if not blames_the_caller(error):
                    raise AssertionError(wire.name) from error
                continue
            msgspec.json.encode(body)


def ask_fields(read: Callable[[Fields], object], data: bytes) -> None:
    """Read a request by its fields."""
    msgspec.json.encode(read(decode_fields(data)))


def look(dialect: str, data: bytes) -> None:
    """Look into a request as the relay does before any upstream is known."""
    fields = decode_fields(data)
    flag_field(fields, "stream")
    asks_for_usage(fields)
    asked = call(data, dialect=dialect, fields=fields)
    asked.max_tokens()
    asked.answers()
    last_user_text(asked)
    estimated_prompt(asked)
    request_type(asked)
    session_of(asked, "k")
    refuse_state(asked)
    items_of(fields.get("input"))
    Memory("k", Stores(), SystemClock()).resumed(asked)
    text_field(fields, "model")


def ask_model(write: Callable[[Fields, str, Losses], object], data: bytes) -> None:
    """Read a request, and write it for an upstream's model."""
    msgspec.json.encode(write(decode_fields(data), "m", Losses("x")))


def ask_search(wire: SearchWire, data: bytes) -> None:
    """Read a search."""
    msgspec.json.encode(wire.encode_request(decode_fields(data), {}, Losses("x")))


def ask_count(dialect: str, data: bytes) -> None:
    """Read a question for the number of tokens."""
    form = COUNTS[dialect]
    fields = form.chat_body(decode_fields(data))
    DIALECTS[dialect].decode_request(msgspec.json.encode(fields))
    msgspec.json.encode(form.question(dict(fields), "m"))


@cache
def for_callers() -> Mapping[str, Entry]:
    """Name every place that reads what a caller sent."""
    found: dict[str, Entry] = {"decode_fields": decode_fields}
    for name, dialect in DIALECTS.items():
        found[f"request {name}"] = partial(ask, dialect)
        found[f"look {name}"] = partial(look, name)
    for name in COUNTS:
        found[f"count {name}"] = partial(ask_count, name)
    for name, embeddings in EMBEDDINGS.items():
        found[f"embeddings {name}"] = partial(ask_model, embeddings.encode_request)
    for name, rerank in RERANK.items():
        found[f"rerank {name}"] = partial(ask_model, rerank.encode_request)
    for name, search in SEARCH.items():
        found[f"search {name}"] = partial(ask_search, search)
    for single in (True, False):
        one = partial(embed_content.as_openai, losses=Losses("x"), single=single)
        found[f"embedContent {single}"] = partial(ask_fields, one)
        batch = partial(embed_content.as_batch, model="m", single=single)
        found[f"batchEmbedContents {single}"] = partial(ask_fields, batch)
    return found


# ------------------------------------------------------------------ from upstreams


def answer(wire: Wire, data: bytes) -> None:
    """Read a whole reply, and write it for every caller."""
    wire.inspect_reply(data)
    reply = wire.decode_reply(data)
    tell(reply)


def tell(reply: Reply) -> None:
    """Write a reply for every caller, whole and as a stream."""
    for caller in DIALECTS.values():
        caller.encode_reply(reply, context())
        encoder = caller.stream_encoder(context())
        for event in replay(reply):
            encoder.feed(event)


def usage(dialect: Dialect, data: bytes) -> None:
    """Read what of a reply is looked at where it passes through."""
    dialect.read_usage(data)
    dialect.inspect_reply(data)
    Renaming(dialect, "shown").whole(data)


def refusal(wire: Wire, data: bytes) -> None:
    """Read an error, of every kind of status."""
    for status in (400, 401, 403, 404, 413, 429, 500, 503, 529):
        classify(status, {}, data, wire.decode_error, now_s=0.0)


def embedded(name: str, data: bytes) -> None:
    """Read an answer with vectors, for every form of question."""
    for form in (b'"float"', b'"base64"', b"null"):
        fields = {"input": msgspec.Raw(b'"hi"'), "encoding_format": msgspec.Raw(form)}
        body, _ = EMBEDDINGS[name].decode_reply(data, fields, "m")
        for single in (True, False):
            if form == b'"float"':
                embed_content.of_openai(body, single=single)
            if name == "gemini":
                embed_content.of_batch(data, single=single)


def ranked(name: str, data: bytes) -> None:
    """Read an answer with ranks."""
    for documents in (b'["a","b"]', b'[{"text":"a"}]'):
        fields = {"query": msgspec.Raw(b'"q"'), "documents": msgspec.Raw(documents)}
        for more in ({}, {"return_documents": msgspec.Raw(b"true")}):
            RERANK[name].decode_reply(data, {**fields, **more}, "m")


def counted(name: str, data: bytes) -> None:
    """Read the number of tokens."""
    wire = msgspec.json.decode(data)
    if isinstance(wire, dict):
        COUNTS[name].read(wire)


def task(wire: TaskWire, data: bytes) -> None:
    """Read an answer with images or audio, whole and as an event."""
    wire.inspect_reply(data)
    fields = fields_of(data)
    if fields is not None:
        wire.usage(fields)
        event_failure(Frame(data), fields)
        if wire.is_answer(fields):
            wire.events(fields)
    if wire.wrapped is not None:
        wire.wrapped(data)


@cache
def for_replies() -> Mapping[str, Entry]:
    """Name every place that reads a whole answer."""
    found: dict[str, Entry] = {"moderations": flagged}
    for name, wire in WIRES.items():
        found[f"reply {name}"] = partial(answer, wire)
        found[f"refusal {name}"] = partial(refusal, wire)
    for name, dialect in DIALECTS.items():
        found[f"usage {name}"] = partial(usage, dialect)
    for name in EMBEDDINGS:
        found[f"vectors {name}"] = partial(embedded, name)
    for name in RERANK:
        found[f"ranks {name}"] = partial(ranked, name)
    for name, search in SEARCH.items():
        found[f"found {name}"] = search.decode_reply
    for name, one in (
        *(("images", IMAGES), ("edits", IMAGE_EDITS)),
        *(("speech", SPEECH), ("transcripts", TRANSCRIPTS)),
    ):
        found[f"task {name}"] = partial(task, one)
    return found


# ------------------------------------------------------------------ streams of upstreams


def lanes(wire: str) -> Iterator[StreamLane]:
    """Open every lane on which a stream may travel."""
    if wire in DIALECTS:
        dialect = DIALECTS[wire]
        for show_usage, renaming in ((True, None), (False, Renaming(dialect, "shown"))):
            yield PassThrough(dialect, "r1", show_usage=show_usage, renaming=renaming)
    for caller in DIALECTS.values():
        if caller.name != wire:
            names = frozenset({"weather"}) if caller.name.startswith("openai") else frozenset()
            yield Translated(
                WIRES[wire], caller, context(), "shown", custom_tools=names, remember=tell_all
            )


def check_order(events: list[Event]) -> None:
    """What encoders rely on: the order that `ir/events.py` promises."""
    *before, last = events
    is_open: set[tuple[int, int]] = set()
    seen: set[tuple[int, int]] = set()
    finished: set[int] = set()
    right = isinstance(last, Ended | Failed) and (
        isinstance(last, Failed) or isinstance(events[0], Started)
    )
    for place, event in enumerate(before):
        match event:
            case Started():
                right &= place == 0
            case PartStarted(index=index, choice=choice):
                right &= index == sum(of == choice for of, _ in seen) and choice not in finished
                seen.add((choice, index))
                is_open.add((choice, index))
            case PartDelta(index=index, choice=choice):
                right &= (choice, index) in is_open
            case PartEnded(index=index, choice=choice):
                right &= (choice, index) in is_open
                is_open.discard((choice, index))
            case Finished(choice=choice):
                right &= choice not in finished and choice not in {of for of, _ in is_open}
                finished.add(choice)
            case _:
                right = False
        if not right:
            raise AssertionError(place, events)
    if not right or (isinstance(last, Ended) and is_open):
        raise AssertionError(len(before), events)


def tell_all(reply: Reply) -> None:
    """Stand for what keeps a reply that was streamed."""
    msgspec.json.encode(reply)


def stream(name: str, data: bytes) -> None:
    """Read a stream in every way; its events end with the reply's end, or with a failure."""
    wire = WIRES[name]
    frames = frames_of(wire.frame_decoder(), data)
    if frames:
        wire.inspect_first(frames[0])
    decoder = wire.stream_decoder()
    events: list[Event] = []
    for frame in frames:
        events += decoder.feed(frame)
    events += decoder.end()
    check_order(events)
    if isinstance(events[-1], Ended):
        tell(collect(events))
    for lane in lanes(name):
        half = len(data) // 2
        out = lane.feed(data[:half]) + lane.feed(data[half:]) + lane.end()
        if not out and lane.failure is None:
            raise AssertionError("a stream without a word")
        msgspec.json.encode(lane.usage)


def answered(entry: Entry, is_right: Callable[[RelayError], bool], data: bytes) -> bool:
    """Let a place read something. False if it refused, as it may; any other exception goes on."""
    try:
        entry(data)
    except RelayError as error:
        if not is_right(error):
            raise AssertionError(error.failure) from error
        return False
    return True


def places() -> Iterator[tuple[str, Entry, Callable[[RelayError], bool]]]:
    """Name every place, with who is to blame there."""
    for name, entry in for_callers().items():
        yield name, entry, blames_the_caller
    streams: dict[str, Entry] = {f"stream {wire}": partial(stream, wire) for wire in WIRES}
    for name, entry in chain(for_replies().items(), streams.items()):
        yield name, entry, blames_the_upstream
