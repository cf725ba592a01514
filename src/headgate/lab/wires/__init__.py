"""The provider formats that the lab speaks: bytes in, bytes out, no socket."""

from __future__ import annotations

from headgate.lab.wires.anthropic import ANTHROPIC
from headgate.lab.wires.bedrock import BEDROCK
from headgate.lab.wires.cohere import COHERE
from headgate.lab.wires.gemini import GEMINI
from headgate.lab.wires.ollama import OLLAMA
from headgate.lab.wires.openai import OPENAI
from headgate.lab.wires.openai_completions import OPENAI_COMPLETIONS
from headgate.lab.wires.realtime import REALTIME
from headgate.lab.wires.responses import RESPONSES
from headgate.lab.wires.wire import Wire

WIRES: dict[str, Wire] = {
    wire.name: wire
    for wire in (
        OPENAI,
        OPENAI_COMPLETIONS,
        RESPONSES,
        REALTIME,
        ANTHROPIC,
        GEMINI,
        BEDROCK,
        COHERE,
        OLLAMA,
    )
}
