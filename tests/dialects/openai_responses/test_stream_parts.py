from __future__ import annotations

from headgate.dialects.openai_responses.stream_parts import Item, Parts
from headgate.ir.events import Event, PartEnded, PartStarted
from headgate.ir.request import Refusal, Text, ToolCall


def test_a_text_stays_open_until_something_else_begins() -> None:
    parts, item, events = Parts(), Item(), list[Event]()
    growing = parts.opened(0, item, 0, Text, events)
    assert parts.opened(0, item, 0, Text, events) is growing
    assert parts.open_at(0, 0) is growing
    assert parts.open_at(0, 1) is None
    parts.opened(0, item, 1, Refusal, events)
    assert events == [
        PartStarted(0, Text(text="")),
        PartEnded(0),
        PartStarted(1, Refusal()),
    ]
    assert not growing.is_open


def test_a_whole_part_ends_at_once() -> None:
    parts, events = Parts(), list[Event]()
    call = ToolCall(call_id="c", name="f")
    parts.whole(call, events)
    assert events == [PartStarted(0, call), PartEnded(0)]
    assert parts.has_call
    parts.close(events)
    assert len(events) == 2
