"""An errand for coding agents: their own shell shall say something, and the answer repeats it.

An agent offers two dozen tools, most of which need arguments that make sense. Its shell is told to
work something out; whoever finds the result in the agent's last words knows that the tool has run.
"""

from __future__ import annotations

from headgate.lab.plan import Plan
from headgate.lab.scripts.answers import arguments
from headgate.lab.scripts.loops import run
from headgate.lab.wires.question import Call, Json, Question, Tool, mapping

COMMAND = "printf 'headgate %d' 0x2a"
SAID = "headgate 42"

# The shells of Claude Code, Codex, Gemini CLI and opencode, which say the same in many ways.
SHELLS = ("bash", "shell", "shell_command", "exec_command", "run_shell_command")
LINES = ("command", "cmd")


def errand(question: Question, _number: float) -> Plan:
    """Call the shell once, or else the first tool; then tell what it said."""
    return run(question, 1, sealed=True, calling=_call)


def _call(tools: tuple[Tool, ...], _done: int) -> tuple[Call, ...]:
    shells = (tool for tool in tools if tool.name.lower() in SHELLS and not tool.custom)
    shell = next(shells, None)
    if shell is not None:
        return (Call(shell.name, commanded(shell.schema)),)
    return tuple(Call(tool.name, arguments(tool.schema), tool.custom) for tool in tools[:1])


def commanded(schema: Json) -> Json:
    """Fill in the command, as a line or as words, and whatever else is required."""
    properties = mapping(schema.get("properties"))
    line = next((name for name in LINES if name in properties), LINES[0])
    is_list = mapping(properties.get(line)).get("type") in ("array", "ARRAY")
    required = {name: properties.get(name) for name in schema.get("required") or ()}
    others = arguments({"properties": required})
    return others | {line: ["bash", "-c", COMMAND] if is_list else COMMAND}
