"""The provider formats that the lab speaks: bytes in, bytes out, no socket."""

from __future__ import annotations

from headgate.lab.wires.anthropic import ANTHROPIC
from headgate.lab.wires.gemini import GEMINI
from headgate.lab.wires.openai import OPENAI
from headgate.lab.wires.openai_completions import OPENAI_COMPLETIONS
from headgate.lab.wires.wire import Wire

WIRES: dict[str, Wire] = {
    wire.name: wire for wire in (OPENAI, OPENAI_COMPLETIONS, ANTHROPIC, GEMINI)
}
