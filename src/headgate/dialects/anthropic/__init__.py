"""The dialect `anthropic`: the Messages API of Anthropic, and of those who speak it too.

Source: platform.claude.com/docs/en/api/messages; `providers.md` 2.3.
"""

from __future__ import annotations

from headgate.dialects.anthropic.errors import (
    decode_error,
    encode_error,
    encode_error_event,
    inspect_first,
    inspect_reply,
)
from headgate.dialects.anthropic.models import NAME
from headgate.dialects.anthropic.reply import decode_reply, encode_reply, read_usage
from headgate.dialects.anthropic.request import (
    api_version,
    decode_request,
    encode_request,
    patch_request,
)
from headgate.dialects.anthropic.stream import AnthropicMeter, AnthropicStreamDecoder, notable
from headgate.dialects.anthropic.stream_encoder import AnthropicStreamEncoder
from headgate.dialects.dialect import Dialect
from headgate.dialects.framing.sse import SseDecoder

__all__ = ["ANTHROPIC", "api_version"]

ANTHROPIC = Dialect(
    name=NAME,
    signs=True,
    # An empty signature is on the thoughts of vendors that sign none.
    seals=(b'"hg1.', b"__hg1__", b'"signature":""', b'"signature": ""'),
    model_in_frame=("message", "model"),
    decode_request=decode_request,
    encode_reply=encode_reply,
    stream_encoder=AnthropicStreamEncoder,
    encode_error=encode_error,
    encode_error_event=encode_error_event,
    encode_request=encode_request,
    decode_reply=decode_reply,
    frame_decoder=SseDecoder,
    stream_decoder=AnthropicStreamDecoder,
    decode_error=decode_error,
    patch_request=patch_request,
    meter=AnthropicMeter,
    notable=notable,
    read_usage=read_usage,
    inspect_first=inspect_first,
    inspect_reply=inspect_reply,
)
