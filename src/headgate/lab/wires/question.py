"""What a caller asked of the lab and what the lab answers, in words that all wires share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Raw, Struct, field

from headgate.lab.forms import Form
from headgate.lab.objects import Shelf

Json = dict[str, Any]

# What a count may be when the lab is told to lie about it. `Raw` spells numbers no int can hold.
Count = int | float | str | Raw

WORD = re.compile(r"\s*\S+")


class Tool(Struct, frozen=True):
    """A tool that the caller offers, with the JSON schema of its arguments.

    A `custom` one takes a text instead.
    """

    name: str
    schema: Json
    custom: bool = False


class Prompt(Struct, frozen=True, kw_only=True):
    """What a request body says. `problem` is what a real provider would refuse it for."""

    model: str = ""
    stream: bool = False
    include_usage: bool = False
    choices: int = 1
    max_tokens: int | None = None
    texts: tuple[str, ...] = ()
    last_text: str = ""
    tool_result: str | None = None
    tools: tuple[Tool, ...] = ()
    media: tuple[str, ...] = ()
    body: Json = {}
    problem: str = ""
    form: Form | None = None


class Fault(Struct, frozen=True):
    """An error, before a wire has spelled it. Empty `kind` and `code`: the wire's own for it.

    `param` is the field at fault, for wires that name one.
    """

    status: int
    message: str
    kind: str = ""
    code: str = ""
    param: str = ""


class Question(Struct, frozen=True, kw_only=True):
    """One request, understood.

    `place` is the first path segment, the name of the imagined provider. `as_array` asks for
    Gemini's JSON array in place of SSE. `number` is the request's serial number in this lab.
    `models` is what a list of models shall name. `ready` is the reply where it depends on what
    the lab remembers, `unknown` what the input refers to and the lab does not remember. `fault` is
    why a request cannot be answered, however healthy the place. `ids` are those in the path of an
    object, and `shelf` is where such objects are kept.
    """

    wire: str
    operation: str
    place: str = "lab"
    model: str = "lab"
    stream: bool = False
    as_array: bool = False
    credential: str = ""
    number: int = 1
    models: tuple[str, ...] = ()
    ready: bytes = b""
    unknown: tuple[str, ...] = ()
    prompt: Prompt = Prompt()
    fault: Fault | None = None
    ids: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    shelf: Shelf = field(default_factory=Shelf)


class Call(Struct, frozen=True):
    """A tool call that the lab makes; `arguments` is a JSON object, of a `custom` one `input`."""

    name: str
    arguments: Json
    custom: bool = False


class Usage(Struct, frozen=True):
    """Tokens, one per word. `output` excludes `reasoning`; `prompt` includes `cached`."""

    prompt: int
    output: int
    reasoning: int = 0
    cached: int = 0


class Answer(Struct, frozen=True, kw_only=True):
    """What the lab says. `lie` replaces every count of the usage; no usage, no usage block.

    `sealed` puts true signatures on thinking and calls, which the lab can check when they come
    back. `redacted` is thinking that the caller may carry, not read.
    """

    pieces: tuple[str, ...] = ()
    thinking: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    finish: str = "stop"
    usage: Usage | None = None
    lie: Count | None = None
    sealed: bool = False
    redacted: str = ""

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)

    @property
    def thought(self) -> str:
        """The whole thinking."""
        return "".join(self.thinking)


def words(text: str) -> tuple[str, ...]:
    """Cut a text into the pieces in which the lab streams it."""
    return tuple(WORD.findall(text))


def tell(counts: Json, lie: Count | None) -> Json:
    """Replace every number of a usage block by the lie, if there is one."""
    if lie is None:
        return counts
    return {
        name: tell(count, lie) if isinstance(count, dict) else lie for name, count in counts.items()
    }


def dicts(value: object) -> list[Json]:
    """The objects of a JSON array; anything else counts as an empty one."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def mapping(value: object) -> Json:
    """A JSON object; anything else counts as an empty one."""
    return value if isinstance(value, dict) else {}


def whole_number(value: object) -> int | None:
    """A JSON integer, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def size_of(data: object) -> str:
    """How much base64 data a caller sent, in words."""
    return f"{len(data) * 3 // 4} bytes" if isinstance(data, str) else "no data"
