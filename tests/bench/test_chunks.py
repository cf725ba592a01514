from __future__ import annotations

import pytest
from msgspec import json

from bench.chunks import DOORS, Cell, Table, lane, main, pieces_of
from bench.frames import REQUESTS, STREAMS
from headgate.dialects.bridge import DIALECTS, WIRES


def test_every_pair_and_every_request_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--chunks", "5", "--rounds", "1", "--bytes", "20000"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for wire in STREAMS:
        assert sum(line.startswith(f"| {wire} |") for line in lines) == 2
    assert sum(line.startswith(("| compact |", "| with blanks |")) for line in lines) == 2


def test_every_wire_of_chat_has_a_stream() -> None:
    assert set(STREAMS) == {
        name for name in WIRES if name not in ("openai_completions", "openai_edits")
    }


@pytest.mark.parametrize("wire", STREAMS)
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("size", [0, 100])
def test_streams_are_whole_on_every_lane(wire: str, door: str, size: int) -> None:
    opened = lane(wire, door)
    out = b"".join(map(opened.feed, pieces_of(STREAMS[wire](20), size))) + opened.end()
    assert opened.failure is None
    assert opened.usage is not None
    assert out.count(b" headgate") >= 2
    assert b"alias" in out


@pytest.mark.parametrize("dialect", REQUESTS)
def test_requests_are_as_large_as_asked_for(dialect: str) -> None:
    body = REQUESTS[dialect](100_000)
    assert 90_000 < len(body) < 125_000
    assert DIALECTS[dialect].decode_request(json.encode({"model": "m", **json.decode(body)})).turns


def test_what_misses_its_target_is_marked() -> None:
    table = Table("us", ("a", "b"), {"row": [Cell(1.25, 10.0), Cell(11.0, 10.0)]})
    assert table.text() == "| us | a | b |\n|---|---|---|\n| row | 1.2 | 11.0 ! |"
