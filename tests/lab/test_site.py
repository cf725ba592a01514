from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import json

from headgate.base.clock import ManualClock
from headgate.lab.forms import Form, FormReader
from headgate.lab.journal import Received
from headgate.lab.objects import Shelf
from headgate.lab.plan import Plan
from headgate.lab.routes import Route
from headgate.lab.site import Site, is_own, understand
from tests.lab.asking import HI, form, sent

CHAT = "/v1/chat/completions"


def received(path: str = CHAT, method: str = "POST", query: Any = None, **headers: str) -> Received:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Received(
        number=1, arrived_at=0.0, method=method, path=path, query=query or {}, headers=named,
        body=b"", body_length=0,
    )  # fmt: skip


def site(recordings: Path | None = None) -> Site:
    return Site(recordings, ManualClock())


def answer(asked: Received, body: Any = HI, at: Site | None = None) -> Plan:
    return (at or site()).plan(asked, body if isinstance(body, bytes) else json.encode(body))


@pytest.mark.parametrize(
    ("path", "model", "behaviour"),
    [
        ("/e503" + CHAT, "m", "503"),
        ("/e503" + CHAT, "lab-echo", "503"),
        ("/ok1" + CHAT, "lab-echo", "echo"),
        ("/ok1" + CHAT, "echo", "echo"),
        ("/ok1" + CHAT, "m", "hello"),
        (CHAT, "lab-429", "429"),
    ],
)
def test_the_first_segment_or_else_the_model_chooses(path: str, model: str, behaviour: str) -> None:
    asked = received(path)
    answer(asked, HI | {"model": model})
    assert (asked.behaviour, asked.model) == (behaviour, model)


def test_the_request_notes_place_and_streaming() -> None:
    asked = received("/ok1" + CHAT)
    answer(asked, HI | {"stream": True})
    assert (asked.place, asked.stream) == ("ok1", True)


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object_is_a_400(body: bytes) -> None:
    assert answer(received(), body).status == 400


def test_an_unknown_path_is_a_404() -> None:
    assert answer(received("/v1/nothing")).status == 404


def test_the_list_of_models_names_the_behaviours() -> None:
    names = {row["id"] for row in json.decode(sent(answer(received("/v1/models", "GET"))))["data"]}
    assert {"lab-hello", "lab-429", "lab-tools-parallel"} <= names


def test_one_model_is_described_and_not_tried() -> None:
    plan = answer(received("/v1/models/lab-500", "GET"))
    assert (plan.status, json.decode(sent(plan))["id"]) == (200, "lab-500")


def test_a_failing_place_fails_its_list_of_models_too() -> None:
    assert answer(received("/e500/v1/models", "GET")).status == 500


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer bad1"},
        {"x_api_key": "bad1"},
        {"x_goog_api_key": "bad1"},
        {"api_key": "bad1"},
    ],
)
def test_the_credential_may_stand_in_any_header(headers: dict[str, str]) -> None:
    assert answer(received("/cool" + CHAT, **headers)).status == 401


def test_the_credential_may_stand_in_the_query() -> None:
    assert answer(received("/cool" + CHAT, query={"key": "bad1"})).status == 401


@pytest.mark.parametrize(("query", "as_array"), [({}, True), ({"alt": "sse"}, False)])
def test_gemini_streams_an_array_unless_sse_is_asked_for(query: Any, as_array: bool) -> None:
    found = Route("gemini", "chat", "g", "m", stream=True)
    asked = understand(received(query=query), found, b"{}", Shelf())
    assert (asked.stream, asked.as_array, asked.model) == (True, as_array, "m")


@pytest.fixture
def recordings(tmp_path: Path) -> Site:
    response = {"status": 201, "sse": "data: {}\n\n", "chunk_sizes": [4, 6]}
    recording = {"id": "a", "stream": True, "response": response}
    (tmp_path / "a.json").write_bytes(json.encode(recording))
    return site(tmp_path)


@pytest.mark.parametrize(
    ("asked", "model", "pieces"),
    [
        (received("/rec/a" + CHAT), "m", 1),
        (received("/rec/a/chunks-recorded" + CHAT), "m", 2),
        (received("/rec/a/chunks-3/v1/messages"), "m", 4),
        (received("/rec/a" + CHAT, query={"chunks": "bytes:5"}), "m", 2),
        (received(x_lab_recording="a", x_lab_chunks="recorded"), "m", 2),
        (received(), "rec:a", 1),
    ],
)
def test_a_recording_is_asked_for_in_many_ways(
    recordings: Site, asked: Received, model: str, pieces: int
) -> None:
    plan = answer(asked, HI | {"model": model}, recordings)
    assert (plan.status, len(plan.steps)) == (201, pieces)
    assert sent(plan) == b"data: {}\n\n"
    assert (asked.behaviour, asked.stream) == ("rec:a", True)


def test_an_absent_recording_is_a_clear_404(recordings: Site) -> None:
    plan = answer(received("/rec/b" + CHAT), at=recordings)
    assert (plan.status, b"no recording 'b'" in sent(plan)) == (404, True)
    plan = answer(received("/rec/b" + CHAT))
    assert (plan.status, b"without a folder" in sent(plan)) == (404, True)


def test_the_journal_is_shown_by_place_and_cleared() -> None:
    lab = site()
    for path in ("/ok1" + CHAT, "/ok2" + CHAT):
        asked = received(path)
        answer(asked, at=lab)
        lab.journal.add(asked)
    shown = json.decode(sent(lab.own(received("/_lab/requests", "GET", {"place": "ok2"}))))
    assert [row["path"] for row in shown["requests"]] == ["/ok2" + CHAT]
    assert lab.own(received("/_lab/requests", "DELETE")).status == 200
    assert list(lab.journal) == []


def test_the_labs_own_path_has_any_prefix() -> None:
    assert is_own("/v1/_lab/requests")
    assert not is_own("/v1/requests")


def test_what_is_no_chat_needs_no_body_to_be_looked_at() -> None:
    asked = received("/ok1/v1/files", "GET")
    assert answer(asked, b"").status == 200
    assert (asked.place, asked.behaviour) == ("ok1", "hello")
    assert answer(received("/e503/v1/files", "GET"), b"").status == 503
    assert answer(received("/v1/images/generations"), b"[]").status == 400
    assert answer(received("/v1/images/generations"), b"").status == 400


def test_an_object_belongs_to_its_place() -> None:
    lab = site()
    made = json.decode(sent(answer(received("/ok1/v1/threads"), {}, lab)))
    assert answer(received(f"/ok1/v1/threads/{made['id']}", "GET"), b"", lab).status == 200
    assert answer(received(f"/ok2/v1/threads/{made['id']}", "GET"), b"", lab).status == 404


@pytest.mark.parametrize("path", [CHAT, "/v1/audio/transcriptions", "/v1/messages"])
def test_a_form_without_what_is_needed_is_a_400(path: str) -> None:
    assert site().plan(received(path), Form()).status == 400


def test_a_model_may_be_named_in_a_form() -> None:
    reader = FormReader(b"lab")
    reader.feed(form(("model", "lab-429"), ("file", "f", "a/b", b"1")))
    assert site().plan(received("/v1/audio/transcriptions"), reader.close()).status == 429
