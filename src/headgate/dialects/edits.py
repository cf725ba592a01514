"""Legacy edits: a text and an instruction in, the edited text out. Any chat model can do it.

No upstream has the endpoint any more (OpenAI switched it off in 2024), so it is always translated.

Shape:  {"model", "input", "instruction", "n", "temperature", "top_p"} and {"object": "edit",
        "created", "choices": [{"text", "index"}], "usage"}.
Source: platform.openai.com/docs/api-reference/edits (archived).
"""

from __future__ import annotations

from typing import NoReturn

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.dialect import ReplyContext, Target
from headgate.dialects.lenient_json import parsed_object
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.dialects.openai_chat.finish import finish_word, name_finish_losses
from headgate.dialects.openai_chat.text_only import name_part_losses
from headgate.dialects.openai_chat.usage import encode_usage
from headgate.dialects.strict_json import invalid, shaped
from headgate.ir.loss import Losses, drop_extras
from headgate.ir.reply import Choice, Reply
from headgate.ir.request import ChatRequest, Json, Refusal, Text, Turn

NAME = "openai_edits"

# The models of this endpoint were made for edits; a chat model must be told that this is one.
_TASK = (
    "Edit the user's text as the instruction says. Answer with the whole edited text and nothing "
    "else. Without a text, write one as the instruction says.\n\nInstruction: "
)


class _Request(msgspec.Struct):
    model: str
    instruction: str
    input: str | None = None
    n: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stream: bool | None = None


_KNOWN = frozenset(_Request.__struct_fields__)


def decode_request(body: bytes) -> ChatRequest:
    """Read an edit as a chat: the instruction is the system's, the text the user's.

    Errors: RelayError INVALID_JSON, or INVALID_REQUEST with the place.
    """
    asked = shaped(body, _Request)
    if not asked.instruction.strip():
        raise invalid("`instruction` must say what to do", "instruction")
    if asked.stream:
        raise invalid("an edit has no stream", "stream")
    given = parsed_object(body) or {}
    rest = {name: value for name, value in given.items() if name not in _KNOWN and value}
    # Some wires take no empty text, and none a chat without words of the user.
    words = asked.input if asked.input and asked.input.strip() else asked.instruction
    return ChatRequest(
        model=asked.model,
        turns=(
            Turn(role="system", parts=(Text(text=_TASK + asked.instruction),)),
            Turn(role="user", parts=(Text(text=words),)),
        ),
        n=asked.n,
        temperature=asked.temperature,
        top_p=asked.top_p,
        extras={NAME: rest} if rest else {},
    )


def encode_reply(reply: Reply, context: ReplyContext) -> bytes:
    """Write an `edit`. It knew neither ids nor ends; clients leave alone what they do not know."""
    losses = context.losses
    wire: Json = {
        "object": "edit",
        "id": reply.reply_id or context.reply_id,
        "model": reply.model or context.model,
        "created": reply.created or context.created,
        "choices": [_encode_choice(choice, losses) for choice in reply.choices],
    }
    drop_extras(losses, reply.extras, own="")
    if reply.service_tier is not None:
        losses.dropped("reply.service_tier")
    if reply.usage is not None:
        wire["usage"] = encode_usage(reply.usage)
    return msgspec.json.encode(wire)


def _encode_choice(choice: Choice, losses: Losses) -> Json:
    for part in choice.parts:
        name_part_losses(part, losses)
    if choice.logprobs is not None:
        losses.dropped("reply.logprobs")
    name_finish_losses(choice.finish, losses)
    texts = [part.text for part in choice.parts if isinstance(part, Text | Refusal)]
    end = finish_word(choice.finish)
    return {"text": "".join(texts), "index": choice.index, "finish_reason": end}


def encode_request(_request: ChatRequest, _target: Target, _losses: Losses) -> NoReturn:
    """Refuse: no upstream is asked for edits."""
    raise RelayError(
        Failure(
            kind=FailureKind.UNSUPPORTED_OPERATION,
            message="a chat cannot be sent to an edits endpoint",
        )
    )


# What concerns upstreams and streams is chat's: neither ever speaks this.
EDITS = msgspec.structs.replace(
    OPENAI_CHAT,
    name=NAME,
    decode_request=decode_request,
    encode_reply=encode_reply,
    encode_request=encode_request,
)
