"""What a translation could not carry. Nothing is lost without being named here.

Of a request the places are named, as they stand in it; of a reply only the kinds of things, under
`reply.`, so that a stream without an end names no more than there are kinds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from headgate.ir.request import Citation, Opaque
from headgate.ir.usage import Usage

Action = Literal["dropped", "changed"]


class Loss(msgspec.Struct, frozen=True):
    """One field that did not arrive as it was sent.

    `field` is its place in the caller's request, such as `seed` or `messages[2].content[0]`;
    `dialect` the target that has no word for it.
    """

    dialect: str
    field: str
    action: Action = "dropped"
    note: str = ""


class Losses:
    """The losses of one translation, in order, each named once."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self._found: dict[str, Loss] = {}

    def dropped(self, field: str, note: str = "") -> None:
        """Name a field that the target does not get."""
        self._found.setdefault(field, Loss(self.dialect, field, "dropped", note))

    def changed(self, field: str, note: str = "") -> None:
        """Name a field that the target gets in a weaker or other form."""
        self._found.setdefault(field, Loss(self.dialect, field, "changed", note))

    def __iter__(self) -> Iterator[Loss]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)


# -------------------------------------------------------------- what replies lose alike

_KIND = re.compile(r"[A-Za-z_]{1,40}")
_NOTHING: tuple[object, ...] = (None, "", [], {})
_MOST_KINDS = 64  # a hostile upstream may make up as many as it likes


def drop_block(losses: Losses, part: Opaque) -> None:
    """Name a block of a reply that only the vendor's own callers can read, by its kind."""
    block = part.block
    kind = block.get("type") or next((key for key in block if not key.startswith("thought")), "")
    known = isinstance(kind, str) and _KIND.fullmatch(kind) and len(losses) < _MOST_KINDS
    losses.dropped(f"reply.{kind}" if known else "reply.block", f"a block of {part.dialect}")


def drop_counts(losses: Losses, usage: Usage | None, names: Iterable[str]) -> None:
    """Name the counts that a caller's `usage` has no word for, where there is anything to tell."""
    for name in names if usage is not None else ():
        if getattr(usage, name):
            losses.dropped(f"reply.usage.{name}")


def drop_extras(losses: Losses, extras: Mapping[str, Mapping[str, Any]], own: str) -> None:
    """Name the fields of a reply that only another vendor's callers know."""
    for dialect, fields in extras.items():
        for name, value in fields.items() if dialect != own else ():
            if value not in _NOTHING and len(losses) < _MOST_KINDS:
                losses.dropped(f"reply.{name}", f"a field of {dialect}")


def change_citations(losses: Losses, citations: Iterable[Citation], own: str) -> None:
    """Name what citations of another vendor lose beside their link: their own form."""
    for citation in citations:
        if citation.origin != own and citation.native is not None:
            losses.changed("reply.citations", "the link, the title and the place are kept")
