"""The wire `bedrock_converse`: Converse and ConverseStream of Amazon Bedrock.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html;
`providers.md` 4.1.
"""

from __future__ import annotations

from headgate.dialects.bedrock_converse.errors import decode_error, inspect_first, inspect_reply
from headgate.dialects.bedrock_converse.reply import decode_reply
from headgate.dialects.bedrock_converse.request import encode_request
from headgate.dialects.bedrock_converse.stream import BedrockStreamDecoder
from headgate.dialects.bedrock_converse.wire import CLAUDE, NAME
from headgate.dialects.dialect import Wire
from headgate.dialects.framing.aws_event_stream import AwsEventStreamDecoder

__all__ = ["BEDROCK_CONVERSE"]

BEDROCK_CONVERSE = Wire(
    name=NAME,
    signs=True,
    proofs_of=CLAUDE,
    stream_type=b"application/vnd.amazon.eventstream",
    encode_request=encode_request,
    decode_reply=decode_reply,
    frame_decoder=AwsEventStreamDecoder,
    stream_decoder=BedrockStreamDecoder,
    decode_error=decode_error,
    inspect_first=inspect_first,
    inspect_reply=inspect_reply,
)
