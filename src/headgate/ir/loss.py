"""What a translation could not carry. Nothing is lost without being named here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

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
