"""Google's generateContent, at the Gemini API and at Vertex AI."""

from __future__ import annotations

from headgate.dialects.dialect import Dialect, Meter
from headgate.dialects.gemini.errors import decode_error, encode_error, encode_error_event
from headgate.dialects.gemini.frames import StreamFrameDecoder
from headgate.dialects.gemini.meter import GeminiMeter, notable
from headgate.dialects.gemini.reply import (
    decode_reply,
    encode_reply,
    inspect_first,
    inspect_reply,
    read_usage,
)
from headgate.dialects.gemini.request import decode_request, encode_request, patch_request
from headgate.dialects.gemini.stream import GeminiStreamDecoder
from headgate.dialects.gemini.stream_encoder import sse_encoder
from headgate.dialects.gemini.wire import NAME


def _meter(include_usage: bool) -> Meter:
    """Make a meter; Gemini tells usage in every frame, whoever asks."""
    del include_usage
    return GeminiMeter()


GEMINI = Dialect(
    name=NAME,
    signs=True,
    model_in_frame=("modelVersion",),
    model_in_reply="modelVersion",
    decode_request=decode_request,
    encode_reply=encode_reply,
    stream_encoder=sse_encoder,
    encode_error=encode_error,
    encode_error_event=encode_error_event,
    encode_request=encode_request,
    decode_reply=decode_reply,
    frame_decoder=StreamFrameDecoder,
    stream_decoder=GeminiStreamDecoder,
    decode_error=decode_error,
    patch_request=patch_request,
    meter=_meter,
    notable=notable,
    read_usage=read_usage,
    inspect_first=inspect_first,
    inspect_reply=inspect_reply,
)
