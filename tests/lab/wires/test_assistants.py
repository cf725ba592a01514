from __future__ import annotations

import pytest

from headgate.lab.wires.question import Json
from tests.lab.asking import events, sent
from tests.lab.wires.test_stored import Place


@pytest.fixture
def place() -> Place:
    return Place()


def started(place: Place) -> tuple[str, str]:
    """An assistant and a thread with one message."""
    assistant = place.ask("POST /assistants", model="m")["id"]
    thread = place.ask("POST /threads")["id"]
    place.ask("POST /threads/{}/messages", ids=(thread,), content="hi")
    return assistant, thread


def said(place: Place, thread: str) -> list[str]:
    rows = place.ask("GET /threads/{}/messages", ids=(thread,))["data"]
    return [row["content"][0]["text"]["value"] for row in rows]


def test_a_run_answers_when_it_is_looked_at(place: Place) -> None:
    assistant, thread = started(place)
    run = place.ask("POST /threads/{}/runs", ids=(thread,), assistant_id=assistant)
    assert (run["status"], run["model"]) == ("queued", "m")
    assert said(place, thread) == ["hi"]
    done = place.ask("GET /threads/{}/runs/{}", ids=(thread, run["id"]))
    assert (done["status"], done["usage"]["total_tokens"]) == ("completed", 6)
    assert place.ask("GET /threads/{}/runs/{}", ids=(thread, run["id"])) == done
    assert said(place, thread) == ["ok1: Hello from the lab.", "hi"]
    steps = place.ask("GET /threads/{}/runs/{}/steps", ids=(thread, run["id"]))
    assert steps["data"][0]["status"] == "completed"


def test_a_streamed_run_answers_at_once(place: Place) -> None:
    assistant, thread = started(place)
    body: Json = {"assistant_id": assistant, "stream": True}
    data = sent(place.plan("POST /threads/{}/runs", ids=(thread,), **body))
    assert data.startswith(b"event: thread.run.created\ndata: {")
    assert data.endswith(b"event: done\ndata: [DONE]\n\n")
    deltas = [each["delta"] for each in events(data)[:-1] if "delta" in each]
    text = "".join(delta["content"][0]["text"]["value"] for delta in deltas)
    assert [text, "hi"] == said(place, thread)


def test_a_run_may_be_cancelled(place: Place) -> None:
    assistant, thread = started(place)
    run = place.ask("POST /threads/{}/runs", ids=(thread,), assistant_id=assistant)
    ended = place.ask("POST /threads/{}/runs/{}/cancel", ids=(thread, run["id"]))
    assert ended["status"] == "cancelled"
    assert place.ask("GET /threads/{}/runs/{}", ids=(thread, run["id"]))["status"] == "cancelled"


def test_the_assistant_must_be_of_the_same_place(place: Place) -> None:
    assistant, _ = started(place)
    elsewhere = Place("ok2", place.shelf)
    thread = elsewhere.ask("POST /threads")["id"]
    run = elsewhere.plan("POST /threads/{}/runs", ids=(thread,), assistant_id=assistant)
    assert run.status == 404
    assert elsewhere.plan("POST /threads/{}/runs", ids=(thread,)).status == 400


def test_what_lacks_is_refused(place: Place) -> None:
    _, thread = started(place)
    assert place.plan("POST /assistants").status == 400
    assert place.plan("POST /threads/{}/messages", ids=(thread,)).status == 400
