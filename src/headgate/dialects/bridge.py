"""The dialects by name, and the choice between passing through and translating.

Same dialect on both sides: the body's fields stay as they were sent, byte for byte. Different:
through the IR, and what the target has no word for is named as a loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headgate.dialects.anthropic import ANTHROPIC
from headgate.dialects.bedrock_converse import BEDROCK_CONVERSE
from headgate.dialects.cohere import COHERE
from headgate.dialects.completions import COMPLETIONS
from headgate.dialects.dialect import CUSTOM_TOOLS, Dialect, Fields, Target, UpstreamError, Wire
from headgate.dialects.edits import EDITS
from headgate.dialects.gemini import GEMINI
from headgate.dialects.ollama import OLLAMA
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.dialects.openai_responses import OPENAI_RESPONSES
from headgate.ir.custom_tools import as_functions
from headgate.ir.loss import Losses
from headgate.ir.request import ChatRequest, Json

DecodeError = Callable[[Mapping[str, Any]], UpstreamError | None]

_ON_BOTH_SIDES = (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC, GEMINI, COMPLETIONS)

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (*_ON_BOTH_SIDES, EDITS)}
# What upstreams speak: formats that no caller of ours uses among them.
WIRES: Mapping[str, Wire] = {
    wire.name: wire for wire in (*_ON_BOTH_SIDES, BEDROCK_CONVERSE, COHERE, OLLAMA)
}


def error_reader(form: str) -> DecodeError:
    """Find who reads the errors of an endpoint; forms of single operations err as OpenAI does."""
    return WIRES.get(form, OPENAI_CHAT).decode_error


def patched(dialect: Dialect, fields: Fields, target: Target) -> Fields:
    """The caller's fields for an upstream of the same dialect."""
    return dialect.patch_request(fields, target)


def translated(wire: Wire, request: ChatRequest, target: Target) -> tuple[Json, Losses]:
    """The request in the upstream's dialect, and what could not be carried."""
    losses = Losses(wire.name)
    if CUSTOM_TOOLS not in target.traits:
        request = as_functions(request, losses)
    return wire.encode_request(request, target, losses), losses
