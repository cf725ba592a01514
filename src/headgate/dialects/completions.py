"""Legacy completions: a prompt in, text out.

A vendor that has the endpoint gets the request unchanged. Any chat upstream can answer as well: the
prompt becomes a message of the user, and the reply's text comes back as `text_completion`.

Source: platform.openai.com/docs/api-reference/completions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.base.frames import Frame
from headgate.dialects.dialect import ReplyContext, Target
from headgate.dialects.lenient_json import objects_of, parsed_object
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.dialects.openai_chat.finish import finish_word, name_finish_losses
from headgate.dialects.openai_chat.stream import ChatStreamDecoder
from headgate.dialects.openai_chat.text_only import name_part_losses
from headgate.dialects.openai_chat.usage import encode_usage
from headgate.dialects.strict_json import invalid, shaped
from headgate.ir.events import Ended, Event, Failed, Finished, PartDelta, PartStarted, Started
from headgate.ir.loss import Losses, drop_extras
from headgate.ir.reply import Choice, Finish, Reply
from headgate.ir.request import (
    ChatRequest,
    Json,
    Refusal,
    Text,
    Turn,
)

NAME = "openai_completions"

# ------------------------------------------------------------------- the caller's side


class _Options(msgspec.Struct):
    include_usage: bool | None = None


class _Request(msgspec.Struct):
    model: str
    prompt: str | list[Any] = "<|endoftext|>"  # OpenAI's default
    stream: bool | None = None
    stream_options: _Options | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: int | None = None
    user: str | None = None


_SAME_NAME = (
    *("max_tokens", "temperature", "top_p", "seed", "n", "presence_penalty"),
    *("frequency_penalty", "logit_bias", "user"),
)
_KNOWN = frozenset(_Request.__struct_fields__)


def decode_request(body: bytes) -> ChatRequest:
    """Read a completion request as a chat of one message.

    Errors: RelayError INVALID_JSON, or INVALID_REQUEST with the place: tokens, or several prompts
    at once, are more than a chat can hold.
    """
    asked = shaped(body, _Request)
    options = asked.stream_options or _Options()
    given = parsed_object(body) or {}
    rest = {name: value for name, value in given.items() if name not in _KNOWN and value}
    return ChatRequest(
        model=asked.model,
        turns=(Turn(role="user", parts=(Text(text=_prompt(asked.prompt)),)),),
        stream=bool(asked.stream),
        include_usage=bool(options.include_usage),
        stop=(asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ()),
        logprobs=True if asked.logprobs is not None else None,
        top_logprobs=asked.logprobs,
        extras={NAME: rest} if rest else {},
        **{name: getattr(asked, name) for name in _SAME_NAME},
    )


def _prompt(prompt: str | list[Any]) -> str:
    texts = [prompt] if isinstance(prompt, str) else prompt
    if not texts or not isinstance(texts[0], str):
        raise invalid("this model takes text, not tokens", "prompt")
    if len(texts) > 1:
        raise invalid("this model answers one prompt at a time", "prompt")
    return texts[0]


def encode_reply(reply: Reply, context: ReplyContext) -> bytes:
    """Write a `text_completion`; of a chat's reply it holds only the text."""
    wire: Json = {
        "id": _shown_id(reply.reply_id or context.reply_id),
        "object": "text_completion",
        "created": reply.created or context.created,
        "model": reply.model or context.model,
        "choices": [_encode_choice(choice, context.losses) for choice in reply.choices],
    }
    drop_extras(context.losses, reply.extras, own="")
    if reply.service_tier is not None:
        context.losses.dropped("reply.service_tier")
    if reply.usage is not None:
        wire["usage"] = encode_usage(reply.usage)
    return msgspec.json.encode(wire)


def _shown_id(reply_id: str) -> str:
    return reply_id if reply_id.startswith("cmpl") else f"cmpl-{reply_id}"


def _encode_choice(choice: Choice, losses: Losses) -> Json:
    texts = [part.text for part in choice.parts if isinstance(part, Text | Refusal)]
    for part in choice.parts:
        name_part_losses(part, losses)
    _name_finish_losses(choice.finish, losses)
    return {
        "text": "".join(texts),
        "index": choice.index,
        "logprobs": _Offsets().legacy(choice.logprobs),
        "finish_reason": _finish_word(choice.finish),
    }


def _name_finish_losses(finish: Finish, losses: Losses) -> None:
    name_finish_losses(finish, losses)
    if finish.reason == "tool_calls":
        losses.changed("reply.finish_reason", "a text knows no tool calls")


def _finish_word(finish: Finish) -> str:
    """Write a finish reason; a text knows no tool calls."""
    return "stop" if finish.reason == "tool_calls" else finish_word(finish)


class _Offsets:
    """Writes chat's logprobs in the legacy form, which counts characters from the beginning."""

    def __init__(self) -> None:
        self._offset = 0

    def legacy(self, logprobs: Mapping[str, Any] | None) -> Json | None:
        """Write one chunk's share; what is legacy already stays as it is."""
        if logprobs is None or "tokens" in logprobs:
            return dict(logprobs) if logprobs is not None else None
        written: Json = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        for entry in objects_of(logprobs.get("content")):
            token = str(entry.get("token", ""))
            written["tokens"].append(token)
            written["token_logprobs"].append(entry.get("logprob"))
            tops = objects_of(entry.get("top_logprobs"))
            top = {str(each.get("token", "")): each.get("logprob") for each in tops}
            written["top_logprobs"].append(top)
            written["text_offset"].append(self._offset)
            self._offset += len(token)
        return written


class CompletionEncoder:
    """Writes a completion stream. One per reply."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._head: Json = {}
        self._text_parts: set[tuple[int, int]] = set()
        self._offsets: dict[int, _Offsets] = {}
        self._is_over = False

    def feed(self, event: Event) -> bytes:
        """Take an event, give the bytes to send."""
        if self._is_over:
            return b""
        losses = self._context.losses
        match event:
            case PartDelta() if (event.choice, event.index) in self._text_parts:
                if event.citations or event.signature is not None:
                    said = Text(text="", citations=event.citations, signature=event.signature)
                    name_part_losses(said, losses)
                return self._text(event.choice, event.text, event.logprobs)
            case PartDelta(logprobs=dict()):
                losses.dropped("reply.logprobs", "of what is no text")
            case PartStarted(part=part):
                name_part_losses(part, losses)
                if isinstance(part, Text | Refusal):
                    self._text_parts.add((event.choice, event.index))
                    return self._text(event.choice, part.text, None)
            case Started():
                self._begin(event)
            case Finished():
                _name_finish_losses(event.finish, losses)
                word = _finish_word(event.finish)
                choice = {"text": "", "index": event.choice, "logprobs": None}
                return self._chunk([{**choice, "finish_reason": word}])
            case Ended():
                self._is_over = True
                drop_extras(losses, event.extras, own="")
                if event.service_tier is not None:
                    losses.dropped("reply.service_tier")
                return self._usage_chunk(event) + b"data: [DONE]\n\n"
            case Failed():
                self._is_over = True
                return OPENAI_CHAT.encode_error_event(event.failure, self._context.reply_id)
        return b""

    def _begin(self, started: Started) -> None:
        context = self._context
        if started.service_tier is not None:
            context.losses.dropped("reply.service_tier")
        self._head = {
            "id": _shown_id(started.reply_id or context.reply_id),
            "object": "text_completion",
            "created": started.created or context.created,
            "model": started.model or context.model,
        }

    def _text(self, choice: int, text: str, logprobs: Json | None) -> bytes:
        if not text and logprobs is None:
            return b""
        legacy = self._offsets.setdefault(choice, _Offsets()).legacy(logprobs)
        written = {"text": text, "index": choice, "logprobs": legacy, "finish_reason": None}
        return self._chunk([written])

    def _usage_chunk(self, ended: Ended) -> bytes:
        if not self._context.include_usage or ended.usage is None:
            return b""
        return self._chunk([], encode_usage(ended.usage))

    def _chunk(self, choices: list[Json], usage: Json | None = None) -> bytes:
        chunk = {**self._head, "choices": choices}
        if self._context.include_usage:
            chunk["usage"] = usage
        return b"data: %b\n\n" % msgspec.json.encode(chunk)


# ------------------------------------------------------------------ the upstream's side


def encode_request(_request: ChatRequest, _target: Target, _losses: Losses) -> NoReturn:
    """Refuse: a chat cannot be asked of an endpoint that only goes on with a text."""
    raise RelayError(
        Failure(
            kind=FailureKind.UNSUPPORTED_OPERATION,
            message="a chat cannot be sent to a completions endpoint",
        )
    )


def _as_chat(wire: Json) -> Json:
    """Rewrite a reply or a chunk in the form of chat."""
    choices = wire.get("choices")
    if not isinstance(choices, list):
        return wire
    return {**wire, "choices": [_choice_as_chat(each) for each in choices if _is_object(each)]}


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _choice_as_chat(choice: Json) -> Json:
    said = {"content": choice.get("text")}
    return {**choice, "message": said, "delta": said}


def decode_reply(body: bytes) -> Reply:
    """Read a `text_completion`. Errors: as for chat."""
    wire = parsed_object(body)
    return OPENAI_CHAT.decode_reply(body if wire is None else msgspec.json.encode(_as_chat(wire)))


class CompletionDecoder:
    """Reads a completion stream. One per reply."""

    def __init__(self) -> None:
        self._chat = ChatStreamDecoder()

    def feed(self, frame: Frame) -> list[Event]:
        """Take a frame, give its events."""
        wire = parsed_object(frame.data)
        if wire is not None:
            frame = Frame(msgspec.json.encode(_as_chat(wire)), frame.event)
        return self._chat.feed(frame)

    def end(self) -> list[Event]:
        """The body is over."""
        return self._chat.end()


COMPLETIONS = msgspec.structs.replace(
    OPENAI_CHAT,
    name=NAME,
    decode_request=decode_request,
    encode_reply=encode_reply,
    stream_encoder=CompletionEncoder,
    encode_request=encode_request,
    decode_reply=decode_reply,
    stream_decoder=CompletionDecoder,
)
