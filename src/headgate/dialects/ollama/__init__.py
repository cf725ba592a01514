"""The wire `ollama`: Ollama's own chat in JSON lines, which only upstreams speak.

Source: docs.ollama.com/api/chat; `providers.md` 4.12.
"""

from __future__ import annotations

from headgate.dialects.dialect import Wire
from headgate.dialects.framing.json_lines import JsonLinesDecoder
from headgate.dialects.ollama.errors import decode_error, inspect_first, inspect_reply
from headgate.dialects.ollama.messages import NAME
from headgate.dialects.ollama.request import encode_request
from headgate.dialects.ollama.stream import OllamaStreamDecoder, decode_reply

__all__ = ["OLLAMA"]

OLLAMA = Wire(
    name=NAME,
    stream_type=b"application/x-ndjson",
    encode_request=encode_request,
    decode_reply=decode_reply,
    frame_decoder=JsonLinesDecoder,
    stream_decoder=OllamaStreamDecoder,
    decode_error=decode_error,
    inspect_first=inspect_first,
    inspect_reply=inspect_reply,
)
