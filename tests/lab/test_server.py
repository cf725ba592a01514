from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import json

from headgate.lab.recordings import RecordingError
from headgate.lab.server import Lab, LabSettings, start_lab
from headgate.lab.wires.question import Json
from headgate.providers.auth.aws_sigv4 import AwsSigner
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


CONVERSE = {"messages": [{"role": "user", "content": [{"text": "hi there"}]}]}
NEW_WIRES: list[tuple[str, Json]] = [
    ("/v1/responses", {"model": "m", "input": "hi there"}),
    ("/model/m%3A0/converse", CONVERSE),
    ("/model/m%3A0/converse-stream", CONVERSE),
    ("/v2/chat", HI),
    ("/api/chat", HI),
]


@pytest.mark.parametrize(("path", "body"), NEW_WIRES)
async def test_four_more_wires_are_served_and_seen(lab: Lab, path: str, body: Json) -> None:
    answer = await ask(lab, "/ok1" + path, body, authorization="Bearer k")
    assert (answer.status, answer.complete) == (200, True)
    (row,) = (await ask(lab, "/_lab/requests?place=ok1", method="GET")).json["requests"]
    assert (row["behaviour"], row["body"], row["status"]) == ("hello", body, 200)
    assert (row["target"], row["headers"]["authorization"]) == ("/ok1" + path, "Bearer k")
    assert row["stream"] is (path in ("/api/chat", "/model/m%3A0/converse-stream"))


async def test_streams_say_what_they_are(lab: Lab) -> None:
    for path, kind in (
        ("/v1/responses", "text/event-stream; charset=utf-8"),
        ("/v2/chat", "text/event-stream; charset=utf-8"),
        ("/api/chat", "application/x-ndjson"),
        ("/model/m/converse-stream", "application/vnd.amazon.eventstream"),
    ):
        body = HI | {"input": "hi", "stream": True}
        if "model/" in path:
            body = CONVERSE
        answer = await ask(lab, path, body, authorization="Bearer k")
        assert answer.headers["content-type"] == kind
        assert events(answer.body)


async def test_bedrock_lets_nobody_in_without_a_signature(lab: Lab) -> None:
    answer = await ask(lab, "/ok1/model/m/converse", CONVERSE)
    assert answer.status == 403
    assert answer.headers["x-amzn-errortype"].startswith("MissingAuthenticationTokenException:")
    signer = AwsSigner(
        access_key="AKIALAB", secret_key="lab-secret", region="eu-west-1", service="bedrock"
    )
    data = json.encode(CONVERSE)
    url = "http://lab/ok1/model/m%3A0/converse"
    signed = {
        name.replace("-", "_"): value for name, value in signer("POST", url, (), data, time.time())
    }
    path = "/ok1/model/m%3A0/converse"
    assert (await ask(lab, path, data, **signed)).status == 200
    wrong = await ask(lab, path, data + b" ", **signed)
    assert (wrong.status, "does not match" in wrong.json["message"]) == (403, True)
    assert (await ask(lab, "/e503" + path, data)).status == 503


async def test_what_is_wrong_with_a_history_is_counted(lab: Lab) -> None:
    orphan = HI | {"messages": [{"role": "tool", "tool_call_id": "c", "content": "x"}]}
    answer = await ask(lab, "/loop" + CHAT, orphan)
    assert answer.status == 400
    assert lab.counters.displeased == 1
    assert lab.requests[0].displeasure == answer.json["error"]["message"]
