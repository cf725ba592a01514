"""What a wire format must be able to do. A dialect is a record of pure functions.

Bytes and dicts in, events and dicts out; no socket, no clock, no other dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from headgate.base.failure import Failure
from headgate.base.frames import Frame
from headgate.ir.events import Event
from headgate.ir.loss import Losses
from headgate.ir.reply import Reply
from headgate.ir.request import ChatRequest, Json
from headgate.ir.usage import Usage

# A trait of upstreams (`Target.traits`): they take free-text tools as OpenAI does.
CUSTOM_TOOLS = "custom_tools"
# They pass the proofs of the vendors behind them through, as OpenRouter does.
REASONING_DETAILS = "reasoning_details"

Fields = dict[str, msgspec.Raw]  # a JSON object, top level decoded, values as they were sent


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What an encoder must know of the upstream it writes for.

    `model` is the upstream's model name; `alias` the name the caller used (suffixes such as
    `-think-2048` live there); `provider` the catalogue row's name; `traits` what that row says of
    its upstream, in the words of the wire.
    """

    model: str
    alias: str = ""
    provider: str = ""
    traits: frozenset[str] = frozenset()
    stream: bool = False


class ReplyContext(msgspec.Struct, frozen=True, kw_only=True):
    """What an encoder must know to write a reply for a caller.

    `model` is the name to show when the upstream told none; `reply_id` and `created` likewise.
    `include_usage` is OpenAI's stream option: whether the caller asked for the usage chunk.
    `fields` is the caller's request, for dialects whose replies repeat it. What of the reply the
    caller's dialect has no word for is named in `losses`, under `reply.`.
    """

    model: str
    reply_id: str
    created: int
    include_usage: bool = False
    fields: Fields = {}
    losses: Losses = msgspec.field(default_factory=lambda: Losses("the caller's dialect"))


class UpstreamError(msgspec.Struct, frozen=True, kw_only=True):
    """An error object as a dialect's wire spells it. All fields may be empty."""

    message: str = ""
    kind: str = ""  # error.type (OpenAI, Anthropic) or error.status (Gemini)
    code: str = ""
    param: str = ""
    status: int | None = None  # a status inside the body, for errors within a 200
    retry_after_s: float | None = None


class FrameDecoder(Protocol):
    """Cuts a byte stream into frames, whatever the borders of the network chunks."""

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, give the frames that they complete.

        Errors: RelayError UPSTREAM_BAD_REPLY when a frame is too long.
        """

    def end(self) -> list[Frame]:
        """The stream is over: give a last frame that lacked its end mark, if any."""


class StreamDecoder(Protocol):
    """Reads an upstream's stream. One per reply."""

    def feed(self, frame: Frame) -> list[Event]:
        """Take a frame, give the events that it means (often one, sometimes none).

        A frame that cannot be understood gives `Failed`, never an exception and never silence.
        """

    def end(self) -> list[Event]:
        """The body is over: give what is missing for a whole reply.

        That is open parts ended and `Ended`; or `Failed` (UPSTREAM_INTERRUPTED) if the reply had
        not finished.
        """


class StreamEncoder(Protocol):
    """Writes a stream for a caller, framing included. One per reply."""

    def feed(self, event: Event) -> bytes:
        """Take an event, give the bytes to send (often empty).

        `Failed` becomes the dialect's error event; nothing may be sent after it.
        """


class Meter(Protocol):
    """Watches a stream that is passed through unchanged, and reads usage from it.

    Parsing is put off: most frames are only looked at, and a dialect that repeats usage in each
    frame (Gemini) parses the last one.
    """

    finished: bool  # the dialect's own end was seen (finish reason, message_stop, [DONE])
    failure: Failure | None  # an error frame in mid-stream

    def feed(self, frame: Frame) -> bool:
        """Look at a frame. False: it is not for the caller (a usage chunk only we asked for)."""

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far."""


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """A chat format that upstreams speak: the upstream's side of a translation.

    `stream_type` is the content type by which its streams are known. `signs`: its vendors sign or
    encrypt what their models thought, and want it back; `proofs_of` is the dialect that such proofs
    belong to where it is another one (Claude's on Bedrock are Anthropic's).
    """

    name: str
    signs: bool = False
    proofs_of: str = ""
    stream_type: bytes = b"text/event-stream"
    encode_request: Callable[[ChatRequest, Target, Losses], Json]
    decode_reply: Callable[[bytes], Reply]  # RelayError UPSTREAM_BAD_REPLY
    frame_decoder: Callable[[], FrameDecoder]
    stream_decoder: Callable[[], StreamDecoder]
    decode_error: Callable[[Mapping[str, Any]], UpstreamError | None]  # None: not an error object
    # Is this first frame or whole body the beginning of an answer? An error inside a 200, an
    # immediate end or an empty answer is a Failure, and another attempt may still be made.
    inspect_first: Callable[[Frame], Failure | None]
    inspect_reply: Callable[[bytes], Failure | None]


class Dialect(Wire, frozen=True, kw_only=True):
    """A chat format that callers speak as well.

    `seals` mark other vendors' proofs in a request: we have put them into an earlier reply, and
    they must not reach an upstream of this dialect. `model_in_frame` is where a stream's frames
    name the model that answers (those that do), and `model_in_reply` the field of a whole reply.
    """

    seals: tuple[bytes, ...] = ()
    model_in_frame: tuple[str, ...] = ("model",)
    model_in_reply: str = "model"
    decode_request: Callable[[bytes], ChatRequest]  # RelayError INVALID_REQUEST, with the place
    encode_reply: Callable[[Reply, ReplyContext], bytes]
    stream_encoder: Callable[[ReplyContext], StreamEncoder]
    encode_error: Callable[[Failure, str], Json]  # (failure, request id) -> the JSON body
    encode_error_event: Callable[[Failure, str], bytes]  # the same inside a stream, framed
    # Same dialect on both sides: pass-through.
    patch_request: Callable[[Fields, Target], Fields]  # sets model, asks for usage
    meter: Callable[[bool], Meter]  # (did the caller ask for the usage chunk?)
    # Could these bytes carry usage, an error or the end? Others are forwarded unseen.
    notable: Callable[[bytes], bool]
    read_usage: Callable[[bytes], Usage | None]  # of a whole reply body
