"""What Ollama can make sense of: results right behind the calls that they answer, by name.

Source: docs.ollama.com/capabilities/tool-calling
"""

from __future__ import annotations

from headgate.lab.checks.finding import DispleasedError, Finding, named
from headgate.lab.wires.openai import texts
from headgate.lab.wires.question import Json, Question, dicts, mapping


def examine(question: Question, *, sealed: bool) -> Finding:
    """Look at the history; raises `DispleasedError` where calls and results do not fit.

    This wire has no signatures, so `sealed` asks for nothing more.
    """
    messages = dicts(question.prompt.body.get("messages"))
    open_: list[str] = []
    results = []
    for index, message in enumerate(messages):
        if message.get("role") == "tool":
            _answer(index, message, open_)
            results.append(" ".join(texts(message.get("content"))))
            continue
        _check_answered(open_)
        open_ = _calls(index, message)
    _check_answered(open_)
    return Finding(tuple(results))


def _answer(index: int, message: Json, open_: list[str]) -> None:
    """Take the answered call off the list; where none is named it is the first."""
    name = message.get("tool_name") or (open_[0] if open_ else None)
    if name not in open_:
        raise DispleasedError(f"messages[{index}]: a tool answered that nobody called")
    open_.remove(str(name))


def _check_answered(open_: list[str]) -> None:
    if open_:
        raise DispleasedError(f"no tool message answers the calls of: {named(open_)}")


def _calls(index: int, message: Json) -> list[str]:
    names: list[str] = []
    for call in dicts(message.get("tool_calls")):
        function = mapping(call.get("function"))
        if not function.get("name") or message.get("role") != "assistant":
            raise DispleasedError(f"messages[{index}].tool_calls: a call needs a name")
        if not isinstance(function.get("arguments"), dict):
            raise DispleasedError(
                "json: cannot unmarshal string into Go struct field ToolCallFunction"
                ".messages.tool_calls.function.arguments of type map[string]interface {}"
            )
        names.append(str(function["name"]))
    return names
