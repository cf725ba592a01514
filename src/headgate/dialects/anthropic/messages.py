"""Turns of the IR arranged as the Messages API demands.

Its rules: roles user and assistant in turn, a user first; tool results at the start of the user
message right after the calls, one for each call; no empty texts; thinking only with the vendor's
own signature. A system text in the middle stays where it is if the model takes that, else it goes
to the front: its place is lost, its authority is not (the vendor's OpenAI endpoint does the same).

Source: platform.claude.com/docs/en/build-with-claude (working-with-messages, handling tool calls,
mid-conversation-system-messages); `providers.md` 2.3.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import TypeGuard

import msgspec

from headgate.dialects.anthropic.blocks import (
    encode_cache,
    encode_document_source,
    encode_source,
    encode_thinking,
    put_back,
)
from headgate.dialects.anthropic.models import NAME, ModelRules
from headgate.dialects.leftovers import by_place
from headgate.dialects.lenient_json import arguments_object
from headgate.dialects.strict_json import invalid
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Audio,
    File,
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)

FIRST_WORDS = "Begin."  # an empty or silent opening is refused
_NO_RESULT = "No result was given for this call."
_IMAGE_TYPES = frozenset(["image/jpeg", "image/png", "image/gif", "image/webp"])
_SYSTEM_ROLES = frozenset(["system", "developer"])
_BAD_NAME = re.compile(r"[^a-zA-Z0-9_-]")
LONGEST_NAME = 128
_LONGEST_ID = 64  # no limit is documented; ids with another vendor's proof inside are far longer


class Arranged(msgspec.Struct, frozen=True, kw_only=True):
    """The wire's `system` blocks and `messages`."""

    system: list[Json]
    messages: list[Json]
    unsigned_tool_turn: bool  # the last calls, just answered, came without signed thinking


class _Message:
    """One wire message while turns are merged into it."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.blocks: list[Json] = []
        self.results: dict[str, Json] = {}  # by call id, in order
        self.places: dict[str, str] = {}  # where each result stood in the caller's request
        self.fields: Json = {}

    def call_ids(self) -> list[str]:
        return [block["id"] for block in self.blocks if block.get("type") == "tool_use"]

    def wire(self) -> Json:
        content = [*self.results.values(), *self.blocks]
        return {"role": self.role, "content": shortened(content), **self.fields}


def arrange(turns: Sequence[Turn], rules: ModelRules, losses: Losses) -> Arranged:
    """Put the turns in the API's order.

    Errors: RelayError INVALID_REQUEST for a tool result that answers no call.
    """
    system: list[Json] = []
    messages: list[_Message] = []
    for index, turn in enumerate(turns):
        place = f"messages[{index}]"
        _name_turn_losses(turn, place, losses)
        if turn.role not in _SYSTEM_ROLES:
            _add_turn(messages, turn, place, losses)
            continue
        blocks = _blocks(turn, place, losses)
        if not blocks:
            continue
        if not messages:
            system += blocks
        elif rules.system_turns and messages[-1].role != "assistant" and _ends(turns, index):
            _message(messages, "system").blocks += blocks
        else:
            losses.changed(place, "moved to the front, into `system`")
            system += blocks
    if not messages or messages[0].role != "user":
        losses.changed("messages", f'a first user message was added: "{FIRST_WORDS}"')
        messages.insert(0, _Message("user"))
        messages[0].blocks.append({"type": "text", "text": FIRST_WORDS})
    _match_results(messages, losses)
    _strip_prefill(messages[-1], losses)
    return Arranged(
        system=system,
        messages=[message.wire() for message in messages],
        unsigned_tool_turn=_unsigned_tool_turn(messages),
    )


def shortened(content: list[Json]) -> str | list[Json]:
    """Write a single plain text as a string; every implementation of the wire takes that."""
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        text: str = content[0]["text"]
        return text
    return content


def acceptable_name(name: str) -> bool:
    """Tell whether the API takes a tool's name."""
    return 0 < len(name) <= LONGEST_NAME and not _BAD_NAME.search(name)


def _name_turn_losses(turn: Turn, place: str, losses: Losses) -> None:
    if turn.name:
        losses.dropped(f"{place}.name")
    for dialect, fields in turn.extras.items():
        if dialect != NAME:
            for key in fields:
                losses.dropped(f"{place}.{key}")


def _ends(turns: Sequence[Turn], index: int) -> bool:
    """A system turn in the middle must be followed by the assistant, or by nothing."""
    following = (turn.role for turn in turns[index + 1 :] if turn.role not in _SYSTEM_ROLES)
    return next(following, "assistant") == "assistant"


def _message(messages: list[_Message], role: str) -> _Message:
    """Give the message that a turn of this role goes into: the last one, if it is the same."""
    if not messages or messages[-1].role != role:
        messages.append(_Message(role))
    return messages[-1]


def _add_turn(messages: list[_Message], turn: Turn, place: str, losses: Losses) -> None:
    blocks = _blocks(turn, place, losses)
    results = [(i, part) for i, part in enumerate(turn.parts) if _answers_call(part, turn)]
    if not blocks and not results:
        return
    message = _message(messages, "assistant" if turn.role == "assistant" else "user")
    message.blocks += blocks
    leftovers = by_place(turn.extras.get(NAME, {}))
    message.fields |= leftovers.get("", {})
    for index, part in results:
        here = f"{place}.content[{index}]"
        _add_result(message, part, _Spot(here, f"content[{index}]", leftovers, losses))


def _answers_call(part: Part, turn: Turn) -> TypeGuard[ToolResult]:
    """Tool results are the user's here; elsewhere they are dropped, and named."""
    return isinstance(part, ToolResult) and turn.role in ("user", "tool")


class _Spot(msgspec.Struct, frozen=True):
    """Where a part stands: in the caller's request, and in its turn's leftovers."""

    place: str
    path: str
    leftovers: Mapping[str, Json]
    losses: Losses

    def inner(self, index: int) -> _Spot:
        """The same for a part inside this one."""
        inside = f".content[{index}]"
        return _Spot(self.place + inside, self.path + inside, self.leftovers, self.losses)


def _blocks(turn: Turn, place: str, losses: Losses) -> list[Json]:
    """Write a turn's parts, but for tool results, which have a place of their own."""
    leftovers = by_place(turn.extras.get(NAME, {}))
    blocks: list[Json] = []
    for index, part in enumerate(turn.parts):
        if _answers_call(part, turn):
            continue
        spot = _Spot(f"{place}.content[{index}]", f"content[{index}]", leftovers, losses)
        block = _block(part, turn.role, spot)
        if block is not None:
            put_back(block, spot.path, leftovers)
            blocks.append(block)
    return blocks


def _block(part: Part, role: str, spot: _Spot) -> Json | None:
    """Write one part. None if it is not sent; then the loss is named."""
    match part:
        case Text():
            return _text(part, spot)
        case Opaque(dialect=dialect, block=block) if dialect == NAME:
            return dict(block)
        case Refusal(text=text) if text.strip():
            spot.losses.changed(spot.place, "a refusal, sent as text")
            return {"type": "text", "text": text}
        case Audio(transcript=transcript) if transcript.strip():
            spot.losses.changed(spot.place, "audio, sent as its transcript")
            return {"type": "text", "text": transcript}
        case Thinking() if role == "assistant":
            return _thinking(part, spot)
        case ToolCall() if role == "assistant":
            return _tool_use(part, spot)
        case Image() if role in ("user", "tool"):
            return _image(part, spot)
        case File() if role in ("user", "tool"):
            return _document(part, spot)
    spot.losses.dropped(spot.place, f"no such part in a message of role {role}")
    return None


def _text(part: Text, spot: _Spot) -> Json | None:
    if not part.text.strip():
        if part.text:
            spot.losses.dropped(spot.place, "a text of blanks only is refused")
        return None
    if part.signature is not None:
        spot.losses.dropped(f"{spot.place}.signature", "a proof for another vendor")
    block: Json = {"type": "text", "text": part.text}
    citations = [c.native for c in part.citations if c.origin == NAME and c.native is not None]
    if len(citations) < len(part.citations):
        spot.losses.dropped(f"{spot.place}.citations")
    if citations:
        block["citations"] = citations
    if part.cache is not None:
        block["cache_control"] = encode_cache(part.cache)
    return block


def _thinking(part: Thinking, spot: _Spot) -> Json | None:
    if part.signature is None or part.signature.origin != NAME:
        spot.losses.dropped(spot.place, "thinking that this vendor has not signed")
        return None
    return encode_thinking(part)


def _tool_use(part: ToolCall, spot: _Spot) -> Json:
    arguments = arguments_object(part.arguments)
    if part.custom:
        arguments = {"input": part.arguments}
        spot.losses.changed(spot.place, "a free-text call, sent as a call with `input`")
    elif arguments is None:
        arguments = {"arguments": part.arguments}
        spot.losses.changed(spot.place, "the arguments are not a JSON object; sent inside one")
    name = part.name
    if not acceptable_name(name):
        name = _BAD_NAME.sub("_", name)[:LONGEST_NAME] or "_"
        spot.losses.changed(f"{spot.place}.name", f"sent as {name}")
    if part.signature is not None:
        spot.losses.dropped(f"{spot.place}.signature", "a proof for another vendor")
    block = {"type": "tool_use", "id": _call_id(part.call_id), "name": name, "input": arguments}
    if part.cache is not None:
        block["cache_control"] = encode_cache(part.cache)
    return block


def _image(part: Image, spot: _Spot) -> Json | None:
    source = encode_source(part.source)
    if isinstance(part.source, Inline) and part.source.media_type not in _IMAGE_TYPES:
        source = None
    if source is None:
        spot.losses.dropped(spot.place, "an image of a type or from a place that is not read")
        return None
    if part.detail not in (None, "auto"):
        spot.losses.dropped(f"{spot.place}.image_url.detail")
    if part.signature is not None:
        spot.losses.dropped(f"{spot.place}.signature", "a proof for another vendor")
    block: Json = {"type": "image", "source": source}
    if part.cache is not None:
        block["cache_control"] = encode_cache(part.cache)
    return block


def _document(part: File, spot: _Spot) -> Json | None:
    source = encode_document_source(part.source)
    if source is None:
        spot.losses.dropped(spot.place, "a file of a type or from a place that is not read")
        return None
    block: Json = {"type": "document", "source": source}
    if part.name:
        block["title"] = part.name
    if part.citations_enabled:
        block["citations"] = {"enabled": True}
    if part.cache is not None:
        block["cache_control"] = encode_cache(part.cache)
    return block


def _add_result(message: _Message, part: ToolResult, spot: _Spot) -> None:
    call_id = _call_id(part.call_id)
    if call_id in message.results:
        spot.losses.dropped(spot.place, "a second result for the same call")
        return
    content: list[Json] = []
    for index, inner in enumerate(part.content):
        inside = spot.inner(index)
        block = _block(inner, "tool", inside)
        if block is not None:
            put_back(block, inside.path, spot.leftovers)
            content.append(block)
    result: Json = {"type": "tool_result", "tool_use_id": call_id}
    if content:
        result["content"] = shortened(content)
    if part.is_error:
        result["is_error"] = True
    if part.cache is not None:
        result["cache_control"] = encode_cache(part.cache)
    put_back(result, spot.path, spot.leftovers)
    message.results[call_id] = result
    message.places[call_id] = spot.place


def _match_results(messages: list[_Message], losses: Losses) -> None:
    """See that results and the calls just before them belong together."""
    calls: list[str] = []
    for message in messages:
        if message.role == "assistant":
            calls = message.call_ids()
        elif message.role == "user":
            for call_id in message.results:
                if call_id not in calls:
                    raise invalid(
                        f"Tool result for `{call_id}`, a call that the assistant turn before it "
                        "did not make",
                        message.places[call_id],
                    )
            for call_id in calls:
                if call_id not in message.results:
                    losses.changed("messages", f"the call {call_id} got an error as its result")
                    message.results[call_id] = {
                        "type": "tool_result",
                        "tool_use_id": call_id,
                        "content": _NO_RESULT,
                        "is_error": True,
                    }
            calls = []


def _strip_prefill(message: _Message, losses: Losses) -> None:
    """The beginning of an answer must not end in blanks."""
    last = message.blocks[-1] if message.blocks else {}
    if message.role != "assistant" or last.get("type") != "text":
        return
    stripped = last["text"].rstrip()
    if stripped != last["text"]:
        losses.changed("messages", "blanks at the end of the answer's beginning were cut")
        last["text"] = stripped


def _unsigned_tool_turn(messages: list[_Message]) -> bool:
    if len(messages) < 2 or not messages[-1].results:
        return False
    kinds = {block.get("type") for block in messages[-2].blocks}
    return not kinds & {"thinking", "redacted_thinking"}


def _call_id(call_id: str) -> str:
    """Write a call's id in the letters that the API takes; the same id always gives the same."""
    cleaned = _BAD_NAME.sub("_", call_id)
    if cleaned == call_id and 0 < len(call_id) <= _LONGEST_ID:
        return call_id
    return f"{cleaned[:_LONGEST_ID]}_{zlib.crc32(call_id.encode()):08x}"
