from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import json

from headgate.lab.recordings import RecordingError
from headgate.lab.server import Lab, LabSettings, start_lab
from tests.lab.asking import GEMINI_HI, HI, ask, events, until

CHAT = "/v1/chat/completions"


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    lab = await start_lab(LabSettings())
    yield lab
    await lab.close()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, HI),
        ("/v1/messages", HI),
        ("/v1beta/models/m:generateContent", GEMINI_HI),
    ],
)
async def test_three_wires_are_served(lab: Lab, path: str, body: object) -> None:
    answer = await ask(lab, "/ok1" + path, body)
    assert (answer.status, answer.complete) == (200, True)
    assert b"ok1: Hello from the lab." in answer.body


async def test_a_stream_arrives_complete(lab: Lab) -> None:
    answer = await ask(lab, CHAT, HI | {"stream": True})
    assert answer.complete
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert events(answer.body)[-1] == "[DONE]"


async def test_what_reached_the_lab_is_seen_in_process(lab: Lab) -> None:
    await ask(lab, "/ok1" + CHAT + "?a=1", authorization="Bearer up-1")
    (row,) = lab.requests
    assert (row.method, row.path, row.query) == ("POST", "/ok1" + CHAT, {"a": "1"})
    assert (row.headers["authorization"], row.json) == ("Bearer up-1", HI)
    assert (row.status, row.finished, row.disconnected) == (200, True, False)
    lab.clear()
    assert (lab.requests, lab.counters.requests) == ((), 0)


async def test_what_reached_the_lab_is_seen_over_http(lab: Lab) -> None:
    await ask(lab, "/ok1" + CHAT)
    shown = (await ask(lab, "/v1/_lab/requests", method="GET")).json
    assert [row["body"] for row in shown["requests"]] == [HI]
    assert shown["counters"]["by_place"] == {"ok1": 1}
    await ask(lab, "/v1/_lab/requests", method="DELETE")
    assert lab.requests == ()


async def test_recordings_are_replayed(tmp_path: Path) -> None:
    recording = {"id": "a", "stream": False, "response": {"status": 418, "body": {"tea": True}}}
    (tmp_path / "a.json").write_bytes(json.encode(recording))
    lab = await start_lab(LabSettings(recordings=tmp_path))
    answer = await ask(lab, "/rec/a" + CHAT)
    assert (answer.status, answer.json) == (418, {"tea": True})
    await lab.close()


async def test_closing_ends_answers_under_way(lab: Lab) -> None:
    caller = asyncio.ensure_future(ask(lab, "/hang" + CHAT))
    await until(lambda: lab.counters.answers_open == 1)
    await lab.close()
    assert (lab.counters.connections_open, lab.counters.answers_open) == (0, 0)
    assert (await caller).status == 0


async def test_a_port_in_use_and_a_missing_folder_are_told(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="in use"):
        await start_lab(LabSettings(port=lab.port))
    with pytest.raises(RecordingError):
        await start_lab(LabSettings(recordings=tmp_path / "absent"))


async def test_the_address_is_printed_as_a_url(lab: Lab) -> None:
    assert lab.url == f"http://127.0.0.1:{lab.port}"
