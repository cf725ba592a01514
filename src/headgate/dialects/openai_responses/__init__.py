"""The dialect `openai_responses`: OpenAI's Responses API, and those who speak it too.

Source: developers.openai.com/api/reference (responses); `providers.md` 2.2.
"""

from __future__ import annotations

from headgate.dialects.dialect import Dialect
from headgate.dialects.framing.sse import SseDecoder
from headgate.dialects.openai_errors import encode_error
from headgate.dialects.openai_responses.errors import (
    decode_error,
    encode_error_event,
    inspect_first,
    inspect_reply,
)
from headgate.dialects.openai_responses.meter import ResponsesMeter, notable
from headgate.dialects.openai_responses.models import NAME
from headgate.dialects.openai_responses.reply import decode_reply
from headgate.dialects.openai_responses.request import (
    decode_request,
    encode_request,
    patch_request,
)
from headgate.dialects.openai_responses.stream import ResponsesStreamDecoder
from headgate.dialects.openai_responses.stream_encoder import ResponsesStreamEncoder, encode_reply
from headgate.dialects.openai_responses.usage import usage_in

OPENAI_RESPONSES = Dialect(
    name=NAME,
    signs=True,
    model_in_frame=("response", "model"),
    decode_request=decode_request,
    encode_reply=encode_reply,
    stream_encoder=ResponsesStreamEncoder,
    encode_error=encode_error,
    encode_error_event=encode_error_event,
    encode_request=encode_request,
    decode_reply=decode_reply,
    frame_decoder=SseDecoder,
    stream_decoder=ResponsesStreamDecoder,
    decode_error=decode_error,
    patch_request=patch_request,
    meter=ResponsesMeter,
    notable=notable,
    read_usage=usage_in,
    inspect_first=inspect_first,
    inspect_reply=inspect_reply,
)
