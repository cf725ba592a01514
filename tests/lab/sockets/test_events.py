from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.lab.sockets.events import EventCutter

STREAM = b': hi\n\nevent: a\ndata: {"a":1}\n\nid: 7\r\ndata:{"b":2}\r\n\r\ndata: [DONE]\n\n'


@given(st.integers(1, len(STREAM)))
def test_events_are_the_same_however_they_were_split(step: int) -> None:
    cutter = EventCutter()
    found = [
        data for start in range(0, len(STREAM), step) for data in cutter.feed(STREAM[start:][:step])
    ]
    assert found == [b'{"a":1}', b'{"b":2}']
    assert cutter.close() == []


@pytest.mark.parametrize(("rest", "found"), [(b"data: x", [b"x"]), (b": x", []), (b"\n", [])])
def test_an_event_without_its_end_comes_with_the_end(rest: bytes, found: list[bytes]) -> None:
    cutter = EventCutter()
    assert cutter.feed(rest) == []
    assert cutter.close() == found


def test_several_data_lines_are_one_message() -> None:
    assert EventCutter().feed(b"data: a\ndata: b\n\n") == [b"a\nb"]
