"""The wire `cohere`: the v2 chat API of Cohere, which only upstreams speak.

Source: docs.cohere.com/reference/chat; `providers.md` 4.6.
"""

from __future__ import annotations

from headgate.dialects.cohere.errors import decode_error, inspect_first, inspect_reply
from headgate.dialects.cohere.models import NAME
from headgate.dialects.cohere.reply import decode_reply
from headgate.dialects.cohere.request import encode_request
from headgate.dialects.cohere.stream import CohereStreamDecoder
from headgate.dialects.dialect import Wire
from headgate.dialects.framing.sse import SseDecoder

__all__ = ["COHERE"]

COHERE = Wire(
    name=NAME,
    encode_request=encode_request,
    decode_reply=decode_reply,
    frame_decoder=SseDecoder,
    stream_decoder=CohereStreamDecoder,
    decode_error=decode_error,
    inspect_first=inspect_first,
    inspect_reply=inspect_reply,
)
