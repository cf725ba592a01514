"""Wherever the network cuts a stream, its caller gets the same bytes, on either lane.

The short form takes made-up streams and some recordings; `make soak` takes every recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from headgate.dialects.bridge import DIALECTS, WIRES
from headgate.ir.usage import Usage
from headgate.relay.lane import PassThrough, StreamLane, Translated
from headgate.relay.renaming import Renaming
from tests.dialects.streams import (
    CONTEXT,
    Stream,
    cut_at,
    in_pieces,
    made,
    recorded,
    settled,
    some_recorded,
)

Open = Callable[[], StreamLane]
MADE = made()
SIZES = (1, 2, 3, 7)
PLACES = 60
SHORT = 900  # bytes; so long a stream is cut at each of them
OF_LINES = [name for name, wire in WIRES.items() if wire.stream_type == b"text/event-stream"]


def passing(wire: str, *, show_usage: bool, shown: str | None) -> Open:
    dialect = DIALECTS[wire]

    def opened() -> StreamLane:
        renaming = None if shown is None else Renaming(dialect, shown)
        return PassThrough(dialect, "r1", show_usage=show_usage, renaming=renaming)

    return opened


def translating(wire: str, caller: str) -> Open:
    return lambda: Translated(WIRES[wire], DIALECTS[caller], CONTEXT, "shown")


def lanes(wire: str) -> Iterator[Open]:
    """Every way in which a stream of a wire may travel."""
    if wire in DIALECTS:
        for show_usage in (True, False):
            for shown in (None, "shown"):
                yield passing(wire, show_usage=show_usage, shown=shown)
    for caller in DIALECTS:
        if caller != wire:
            yield translating(wire, caller)


def run(lane: StreamLane, pieces: list[bytes]) -> tuple[bytes, Usage | None, bool]:
    """Give all that the caller gets, and what was seen on the way."""
    out = b"".join(map(lane.feed, pieces)) + lane.end()
    return settled(out), lane.usage, lane.failure is None


def check(opened: Open, data: bytes, step: int) -> None:
    whole = run(opened(), [data])
    for size in SIZES:
        assert run(opened(), in_pieces(data, size)) == whole, size
    for place in range(1, len(data), step):
        assert run(opened(), cut_at(data, place)) == whole, place


def shortest(wire: str) -> Stream:
    return min((one for one in MADE if one.wire == wire), key=lambda one: len(one.data))


@pytest.mark.parametrize("wire", WIRES)
def test_callers_get_the_same_wherever_a_made_stream_is_cut(wire: str) -> None:
    for opened in lanes(wire):
        for stream in MADE:
            if stream.wire == wire and stream.name in ("made", "27_streamed", "array"):
                check(opened, stream.data, max(1, len(stream.data) // PLACES))
        check(opened, shortest(wire).data[:SHORT], 1)


@pytest.mark.parametrize("wire", OF_LINES)
@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_callers_get_the_same_whatever_ends_the_lines(wire: str, end: bytes) -> None:
    data = b": ping\n\n" + shortest(wire).data
    mixed = data.replace(b"\n\n", b"\n" + end, 3)
    for opened in lanes(wire):
        check(opened, data.replace(b"\n", end), max(1, len(data) // PLACES))
        check(opened, mixed.rstrip(b"\r\n"), max(1, len(data) // PLACES))


def test_callers_get_the_same_wherever_some_recorded_streams_are_cut() -> None:
    for stream in some_recorded(12_000, 2):
        for opened in lanes(stream.wire):
            check(opened, stream.data, max(1, len(stream.data) // 8))


@pytest.mark.soak
def test_callers_get_the_same_wherever_any_recorded_stream_is_cut() -> None:
    for stream in recorded():
        for opened in lanes(stream.wire):
            check(opened, stream.data, max(1, len(stream.data) // 10))


def test_a_model_that_is_named_late_is_renamed_wherever_the_stream_is_cut() -> None:
    first = b'data: {"model":"","choices":[],"prompt_filter_results":[]}\n\n'
    rest = b'data: {"model":"gpt-4o","choices":[{"delta":{"content":"\\"model\\":\\"gpt\\""}}]}\n\n'
    opened = passing("openai_chat", show_usage=True, shown="alias")
    whole = opened().feed(first + rest + rest)
    assert whole.count(b'"model":"alias"') == 3
    assert b"gpt-4o" not in whole
    check(opened, first + rest + rest, 1)
