"""The parts of a reply while a stream is read: which one is open, and what it has said.

A text stays open after its own end until something else begins: the proof on it may follow, as an
item of its own.
"""

from __future__ import annotations

from headgate.ir.events import Event, PartEnded, PartStarted
from headgate.ir.request import Part, Refusal, Text, Thinking, ToolCall

Key = int | str  # of an output item: its index, or its id where there is none
Spoken = Text | Thinking | Refusal

_EMPTY: dict[type[Spoken], Part] = {
    Text: Text(text=""),
    Thinking: Thinking(),
    Refusal: Refusal(),
}


class Growing:
    """A text, refusal or thinking that has begun, and the part that it is for us."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.has_text = False
        self.is_open = True
        self.is_whole = False
        self.is_signed = False
        self.citations = 0
        self.paragraph = 0  # the part of a summary that is being read


class Item:
    """An output item that is being read."""

    def __init__(self) -> None:
        self.texts: dict[int, Growing] = {}  # by content index; thinking has one
        self.call = -1  # the part that this item's call is for us
        self.has_arguments = False
        self.is_done = False

    @property
    def is_open_call(self) -> bool:
        """Whether more of a call's arguments may come."""
        return self.call >= 0 and not self.is_done


class Parts:
    """The parts that have begun. One per reply."""

    def __init__(self) -> None:
        self.open: Growing | None = None
        self.has_call = False
        self._count = 0
        self._key: Key | None = None  # of the item of the open text
        self._number: int | None = None  # of the open text in its item

    def open_at(self, key: Key | None, number: int | None) -> Growing | None:
        """Give the open text if it is this one."""
        return self.open if key == self._key and number == self._number else None

    def start(self, part: Part, events: list[Event]) -> int:
        """Begin a part; give its index."""
        index = self._count
        self._count = index + 1
        self.has_call = self.has_call or isinstance(part, ToolCall)
        events.append(PartStarted(index, part))
        return index

    def whole(self, part: Part, events: list[Event]) -> None:
        """Give a part that comes in one piece."""
        self.close(events)
        events.append(PartEnded(self.start(part, events)))

    def close(self, events: list[Event]) -> None:
        """End the text that is open, if any."""
        if self.open is not None:
            self.open.is_open = False
            events.append(PartEnded(self.open.index))
            self.open = self._key = self._number = None

    def opened(
        self, key: Key, item: Item, number: int, kind: type[Spoken], events: list[Event]
    ) -> Growing:
        """Make sure that this text is the open one."""
        growing = item.texts.get(number)
        if growing is not None and growing.is_open:
            return growing
        self.close(events)
        growing = item.texts[number] = Growing(self.start(_EMPTY[kind], events))
        self.open, self._key, self._number = growing, key, number
        return growing
