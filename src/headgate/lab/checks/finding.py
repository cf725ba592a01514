"""What a look at a conversation tells, and how a check says that it is displeased."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from headgate.lab.wires.question import Fault, Json, dicts


class Finding(Struct, frozen=True):
    """The results that tools have given so far, and what is wrong, if anything is.

    `bypassed` counts the marks by which a caller asked not to be checked.
    """

    results: tuple[str, ...] = ()
    fault: Fault | None = None
    bypassed: int = 0


class DispleasedError(Exception):
    """A provider would refuse this conversation."""

    def __init__(self, message: str, *, status: int = 400, code: str = "") -> None:
        super().__init__(message)
        self.fault = Fault(status, message, code=code)


class Turn(Struct, frozen=True):
    """Neighbouring messages of one role: where the first stood, and all their blocks."""

    index: int
    role: str
    blocks: list[Json]


def blocks_of(content: object) -> list[Json]:
    """The blocks of a content that may be a plain text."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else dicts(content)


def merged(messages: Iterable[Json]) -> list[Turn]:
    """Join neighbours of one role, as Anthropic does."""
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        role, blocks = str(message.get("role")), blocks_of(message.get("content"))
        if turns and turns[-1].role == role:
            turns[-1].blocks.extend(blocks)
        else:
            turns.append(Turn(index, role, list(blocks)))
    return turns


def named(ids: Sequence[str]) -> str:
    """Several ids in an error text."""
    return ", ".join(ids)
