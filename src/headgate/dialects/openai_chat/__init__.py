"""OpenAI's Chat Completions, which most vendors speak, each with an accent."""

from __future__ import annotations

from headgate.dialects.dialect import Dialect
from headgate.dialects.framing.sse import SseDecoder
from headgate.dialects.openai_chat.errors import (
    decode_error,
    encode_error_event,
    inspect_first,
    inspect_reply,
)
from headgate.dialects.openai_chat.meter import ChatMeter, notable
from headgate.dialects.openai_chat.provenance import NAME
from headgate.dialects.openai_chat.reply import decode_reply, encode_reply
from headgate.dialects.openai_chat.request import decode_request
from headgate.dialects.openai_chat.request_encoder import encode_request, patch_request
from headgate.dialects.openai_chat.stream import ChatStreamDecoder
from headgate.dialects.openai_chat.stream_encoder import ChatStreamEncoder
from headgate.dialects.openai_chat.usage import usage_in
from headgate.dialects.openai_errors import encode_error

OPENAI_CHAT = Dialect(
    name=NAME,
    decode_request=decode_request,
    encode_reply=encode_reply,
    stream_encoder=ChatStreamEncoder,
    encode_error=encode_error,
    encode_error_event=encode_error_event,
    encode_request=encode_request,
    decode_reply=decode_reply,
    frame_decoder=SseDecoder,
    stream_decoder=ChatStreamDecoder,
    decode_error=decode_error,
    patch_request=patch_request,
    meter=ChatMeter,
    notable=notable,
    read_usage=usage_in,
    inspect_first=inspect_first,
    inspect_reply=inspect_reply,
)
