"""Log lines never hold up a request, are never forged, and are all written in the end (S-72)."""

import io
import os
import threading
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.ir.usage import Usage
from headgate.settlement.usage_record import AttemptRecord, UsageRecord
from headgate.telemetry import log_lines
from headgate.telemetry.log_lines import LogLines, NoLog, json_line, text_line, writer_to

FORGED = "gpt\n12:00:00 200 chat gpt \x1b[31m\u202e\u2028\r\x00"


def record(**changes: Any) -> UsageRecord:
    fields: dict[str, Any] = {
        "request_id": "r1",
        "at_s": 43_200.0,
        "key_id": "key1",
        "operation": "chat",
        "dialect": "openai_chat",
        "model": "gpt",
        "outcome": "done",
        "status": 200,
        "latency_ms": 12,
    }
    return UsageRecord(**(fields | changes))


class Jammed(io.StringIO):
    """A terminal whose reader is away until `freed`."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.freed = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.freed.wait(5.0)
        return super().write(text)


class Broken(io.StringIO):
    """A pipe whose reader is gone the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = threading.Event()

    def write(self, text: str) -> int:
        if not self.failed.is_set():
            self.failed.set()
            raise BrokenPipeError
        return super().write(text)


async def test_close_writes_what_is_left() -> None:
    stream = io.StringIO()
    log = LogLines(stream.write, as_json=False)
    for number in range(3):
        await log.record(record(request_id=f"r{number}"))
    log.close()
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == ["r0", "r1", "r2"]


async def test_reader_that_is_away_holds_nobody_up_and_costs_a_bounded_memory() -> None:
    stream = Jammed()
    log = LogLines(stream.write, as_json=False)
    await log.record(record())
    assert stream.reached.wait(5.0)
    most = log_lines._MOST_WAITING
    for _ in range(most + 7):
        await log.record(record())
    stream.freed.set()
    log.close()
    lines = stream.getvalue().splitlines()
    assert lines[1] == "7 log lines were dropped: the log is not being read"
    assert len(lines) == 1 + 1 + most


async def test_broken_stream_does_not_end_the_log() -> None:
    stream = Broken()
    log = LogLines(stream.write, as_json=False)
    await log.record(record(request_id="lost"))
    assert stream.failed.wait(5.0)
    await log.record(record(request_id="kept"))
    log.close()
    assert stream.getvalue().endswith("kept\n")


def test_writer_writes_all_of_it_however_little_is_taken_at_once() -> None:
    reading, writing = os.pipe()
    text = "ä" * 200_000 + "\n"  # more than a pipe holds
    thread = threading.Thread(target=writer_to(writing), args=(text,))
    with os.fdopen(reading, encoding="utf-8") as pipe:
        thread.start()
        assert pipe.readline() == text
        thread.join()
        os.close(writing)


def test_writer_to_a_closed_pipe_fails_as_the_log_expects() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        writer_to(writing)("x")
    os.close(writing)


async def test_no_log_takes_records_and_forgets_them() -> None:
    log = NoLog()
    await log.record(record())
    log.close()


def test_line_tells_a_person_what_became_of_the_request() -> None:
    tries = tuple(
        AttemptRecord(channel=name, credential="f00", model="gpt", status=200) for name in "ab"
    )
    full = record(channel="b", attempts=tries, usage=Usage(input=3, cache_read=4, output=5))
    assert text_line(full) == "12:00:00 200 chat gpt -> b (attempt 2) 12 ms in 7 out 5 r1\n"


def test_line_of_a_failure_tells_why() -> None:
    failed = record(outcome="failed", status=502, error="upstream\nis down")
    assert text_line(failed) == "12:00:00 502 chat gpt 12 ms failed upstream is down r1\n"


@pytest.mark.parametrize("field", ["model", "error"])
def test_callers_text_cannot_forge_a_line(field: str) -> None:
    line = text_line(record(**{field: FORGED}))
    assert len(line.splitlines()) == 1
    assert line[:-1].isprintable()


@given(st.text())
def test_whatever_a_caller_names_its_model_the_line_is_one(model: str) -> None:
    assert len(text_line(record(model=model, error=model)).splitlines()) == 1


@given(st.text())
def test_json_line_gives_back_what_was_recorded(model: str) -> None:
    line = json_line(record(model=model))
    assert line.count("\n") == 1
    assert msgspec.json.decode(line)["model"] == model


def test_long_texts_are_cut() -> None:
    assert len(text_line(record(model="m" * 10_000, error="e" * 10_000))) < 1000
