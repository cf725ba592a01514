"""Free-text tools where only functions are known: there and back.

OpenAI's custom tools take a text, and others take an object. Such a tool becomes a function with
the text in `input`, and a call of it becomes a custom call again before the caller sees it.
Source: platform.openai.com/docs/guides/function-calling#custom-tools.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from headgate.ir.events import Event, PartDelta, PartEnded, PartStarted
from headgate.ir.loss import Losses
from headgate.ir.reply import Reply
from headgate.ir.request import ChatRequest, CustomTool, Json, Part, Tool, ToolCall, Turn

_INPUT = "input"
_SCHEMA: Json = {
    "type": "object",
    "properties": {_INPUT: {"type": "string"}},
    "required": [_INPUT],
}


def custom_names(request: ChatRequest) -> frozenset[str]:
    """The names of the free-text tools on offer."""
    return frozenset(tool.name for tool in request.tools if isinstance(tool, CustomTool))


def as_functions(request: ChatRequest, losses: Losses) -> ChatRequest:
    """Write free-text tools, and the calls of them that were made, as functions."""
    if custom_names(request):
        tools = tuple(
            _function(tool, f"tools[{index}]", losses) if isinstance(tool, CustomTool) else tool
            for index, tool in enumerate(request.tools)
        )
        request = replace(request, tools=tools)
    if any(map(_holds_custom, request.turns)):
        request = replace(request, turns=tuple(map(_with_functions, request.turns)))
    return request


def _function(tool: CustomTool, place: str, losses: Losses) -> Tool:
    losses.changed(place, "a free-text tool; called as a function with the text in `input`")
    words = [tool.description] if tool.description else []
    if tool.format is not None:
        words.append(f"Format of `{_INPUT}`: {msgspec.json.encode(tool.format).decode()}")
    return Tool(name=tool.name, description="\n\n".join(words), schema=_SCHEMA)


def _is_custom(part: Part) -> bool:
    return isinstance(part, ToolCall) and part.custom


def _holds_custom(turn: Turn) -> bool:
    return any(map(_is_custom, turn.parts))


def _with_functions(turn: Turn) -> Turn:
    return replace(turn, parts=tuple(map(_as_call, turn.parts)))


def _as_call(part: Part) -> Part:
    if not isinstance(part, ToolCall) or not part.custom:
        return part
    arguments = msgspec.json.encode({_INPUT: part.arguments}).decode()
    return replace(part, custom=False, arguments=arguments)


def with_custom_calls(reply: Reply, names: frozenset[str]) -> Reply:
    """Give the calls of a whole reply back the form that the caller's tools have."""
    if not names:
        return reply
    choices = tuple(
        replace(choice, parts=tuple(_as_custom(part, names) for part in choice.parts))
        for choice in reply.choices
    )
    return replace(reply, choices=choices)


def _as_custom(part: Part, names: frozenset[str]) -> Part:
    if not isinstance(part, ToolCall) or part.custom or part.name not in names:
        return part
    return replace(part, custom=True, arguments=_text_in(part.arguments))


def _text_in(arguments: str) -> str:
    """Take the text out of the object; a model that wrote no such object wrote the text itself."""
    try:
        found = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return arguments
    if not isinstance(found, dict) or not isinstance(found.get(_INPUT), str):
        return arguments
    text: str = found[_INPUT]
    return text


class CustomCalls:
    """The same for the events of a stream: such a call is kept back until it is whole."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._held: dict[tuple[int, int], _Held] = {}

    def feed(self, event: Event) -> Iterable[Event]:
        """Take an event, give those that may go on."""
        match event:
            case PartStarted(part=ToolCall() as call) if self._stands_for_custom(call):
                self._held[event.choice, event.index] = _Held(call)
                return ()
            case PartDelta() if (held := self._held.get((event.choice, event.index))) is not None:
                held.add(event)
                return ()
            case PartEnded() if (event.choice, event.index) in self._held:
                return self._whole(event)
        return (event,)

    def _stands_for_custom(self, call: ToolCall) -> bool:
        return not call.custom and call.name in self._names

    def _whole(self, event: PartEnded) -> Iterable[Event]:
        call = self._held.pop((event.choice, event.index)).joined()
        text = _text_in(call.arguments)
        yield PartStarted(event.index, replace(call, custom=True, arguments=""), event.choice)
        if text:
            yield PartDelta(event.index, text, event.choice)
        yield event


class _Held:
    """A call that is still growing."""

    def __init__(self, call: ToolCall) -> None:
        self._call = call
        self._pieces = [call.arguments]

    def add(self, delta: PartDelta) -> None:
        self._pieces.append(delta.text)
        if delta.signature is not None:
            self._call = replace(self._call, signature=delta.signature)

    def joined(self) -> ToolCall:
        return replace(self._call, arguments="".join(self._pieces))
