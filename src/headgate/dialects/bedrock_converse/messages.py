"""Turns of the IR arranged as the Converse API demands.

Its rules: roles user and assistant in turn, a user first; a result for each call, right after it;
no blank texts; a text beside each document. A system text in the middle goes to the front: its
place is lost, its authority is not.

Source: docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html;
`providers.md` 4.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from headgate.dialects.bedrock_converse.blocks import BlockWriter
from headgate.dialects.bedrock_converse.models import ModelRules
from headgate.dialects.strict_json import invalid
from headgate.ir.loss import Losses
from headgate.ir.request import CacheMark, Json, Opaque, Text, ToolResult, Turn

FIRST_WORDS = "Begin."  # an empty or silent opening is refused
BESIDE_DOCUMENT = "(attached)"
_NO_RESULT = "No result was given for this call."
_SYSTEM_ROLES = frozenset(["system", "developer"])
_MOST_CACHE_POINTS = 4


class Arranged(msgspec.Struct, frozen=True, kw_only=True):
    """The wire's `system` blocks and `messages`."""

    system: list[Json]
    messages: list[Json]
    tool_names: tuple[str, ...]  # of the calls in the history
    unsigned_tool_turn: bool  # the last calls, just answered, came without signed thinking


class _Message:
    """One wire message while turns are merged into it."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.blocks: list[Json] = []
        self.results: dict[str, list[Json]] = {}  # by call id, in order
        self.places: dict[str, str] = {}  # where each result stood in the caller's request

    def calls(self) -> list[Json]:
        # What Bedrock's own tools were called for is answered in the same message.
        uses = [block["toolUse"] for block in self.blocks if "toolUse" in block]
        return [use for use in uses if use.get("type") != "server_tool_use"]

    def wire(self) -> Json:
        results = [block for blocks in self.results.values() for block in blocks]
        return {"role": self.role, "content": results + self.blocks}


def arrange(
    turns: Sequence[Turn], rules: ModelRules, writer: BlockWriter, losses: Losses
) -> Arranged:
    """Put the turns in the API's order.

    Errors: RelayError INVALID_REQUEST for a tool result that answers no call.
    """
    system: list[Json] = []
    messages: list[_Message] = []
    for index, turn in enumerate(turns):
        place = f"messages[{index}]"
        _name_turn_losses(turn, place, losses)
        if turn.role in _SYSTEM_ROLES:
            if messages and turn.parts:
                losses.changed(place, "moved to the front, into `system`")
            system += _system_blocks(turn, place, writer, losses)
        else:
            _add_turn(messages, turn, place, writer)
    if not messages or messages[0].role != "user":
        losses.changed("messages", f'a first user message was added: "{FIRST_WORDS}"')
        messages.insert(0, _Message("user"))
        messages[0].blocks.append({"text": FIRST_WORDS})
    if system and not rules.system:
        losses.changed("system", "this model has none: put before the first message")
        messages[0].blocks[:0] = [block for block in system if "text" in block]
        system = []
    _match_results(messages, losses)
    for message in messages:
        _put_text_beside_documents(message, losses)
    _strip_prefill(messages[-1], losses)
    return Arranged(
        system=system,
        messages=[message.wire() for message in messages],
        tool_names=tuple(dict.fromkeys(use["name"] for m in messages for use in m.calls())),
        unsigned_tool_turn=_unsigned_tool_turn(messages),
    )


def mark_end(
    messages: list[Json], system: list[Json], mark: CacheMark, writer: BlockWriter
) -> bool:
    """Set the one mark for a whole request, at its end. False if there are too many already."""
    blocks = [block for message in messages for block in message["content"]] + system
    if sum("cachePoint" in block for block in blocks) >= _MOST_CACHE_POINTS:
        return False
    last = messages[-1]["content"]
    if "cachePoint" not in last[-1]:
        last += writer.cache_points(mark, "")
        return True
    return mark.ttl in (None, last[-1]["cachePoint"].get("ttl"))


def _name_turn_losses(turn: Turn, place: str, losses: Losses) -> None:
    if turn.name:
        losses.dropped(f"{place}.name")
    for fields in turn.extras.values():
        for key in fields:
            losses.dropped(f"{place}.{key}")


def _system_blocks(turn: Turn, place: str, writer: BlockWriter, losses: Losses) -> list[Json]:
    blocks: list[Json] = []
    for index, part in enumerate(turn.parts):
        here = f"{place}.content[{index}]"
        if isinstance(part, Text | Opaque):
            blocks += writer.blocks(part, "system", here)
        else:
            losses.dropped(here, "the system prompt is text")
    return blocks


def _add_turn(messages: list[_Message], turn: Turn, place: str, writer: BlockWriter) -> None:
    role = "assistant" if turn.role == "assistant" else "user"
    if not messages or messages[-1].role != role:
        messages.append(_Message(role))
    message = messages[-1]
    for index, part in enumerate(turn.parts):
        here = f"{place}.content[{index}]"
        if isinstance(part, ToolResult) and role == "user":
            _add_result(message, part, here, writer)
        else:
            message.blocks += writer.blocks(part, role, here)
    if not message.blocks and not message.results:
        messages.pop()


def _add_result(message: _Message, part: ToolResult, place: str, writer: BlockWriter) -> None:
    blocks = writer.result(part, place)
    answered = blocks[0]["toolResult"]["toolUseId"]
    if answered in message.results:
        writer.drop(place, "a second result for the same call")
        return
    message.results[answered] = blocks
    message.places[answered] = place


def _match_results(messages: list[_Message], losses: Losses) -> None:
    """See that results and the calls just before them belong together."""
    calls: list[str] = []
    for message in messages:
        if message.role == "assistant":
            calls = [use["toolUseId"] for use in message.calls()]
            continue
        for answered in message.results:
            if answered not in calls:
                raise invalid(
                    f"Tool result for `{answered}`, a call that the assistant turn before it "
                    "did not make",
                    message.places[answered],
                )
        for call in calls:
            if call not in message.results:
                losses.changed("messages", f"the call {call} got an error as its result")
                result = {"toolUseId": call, "content": [{"text": _NO_RESULT}]}
                message.results[call] = [{"toolResult": result}]


def _put_text_beside_documents(message: _Message, losses: Losses) -> None:
    kinds = {key for block in message.blocks for key in block}
    if "document" in kinds and "text" not in kinds:
        losses.changed("messages", f'a text was put beside a document: "{BESIDE_DOCUMENT}"')
        message.blocks.append({"text": BESIDE_DOCUMENT})


def _strip_prefill(message: _Message, losses: Losses) -> None:
    """The beginning of an answer must not end in blanks."""
    if message.role != "assistant" or not message.blocks or "text" not in message.blocks[-1]:
        return
    last = message.blocks[-1]
    stripped = last["text"].rstrip()
    if stripped != last["text"]:
        losses.changed("messages", "blanks at the end of the answer's beginning were cut")
        last["text"] = stripped


def _unsigned_tool_turn(messages: list[_Message]) -> bool:
    if len(messages) < 2 or not messages[-1].results:
        return False
    return not any("reasoningContent" in block for block in messages[-2].blocks)
