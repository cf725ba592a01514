from __future__ import annotations

from typing import Any

import pytest

from headgate.base.clock import ManualClock
from headgate.lab.journal import Received
from headgate.lab.plan import Plan, Send, whole
from headgate.lab.site import Site
from headgate.lab.sockets.opening import Opening, opening
from headgate.lab.sockets.responses import Responses
from headgate.lab.sockets.talk import Talk
from headgate.lab.wires.question import Json
from tests.lab.asking import events, sent


def connected(site: Site, place: str = "ok1") -> Talk:
    """Open a connection to a place."""
    received = Received(
        number=site.journal.next_number(), arrived_at=0.0, method="GET", query={}, headers={},
        path=f"/{place}/v1/responses", body=b"", body_length=0,
    )  # fmt: skip
    found = opening(site, received)
    assert isinstance(found, Opening)
    return found.talk


def turn(talk: Talk, **body: Any) -> list[Json]:
    """One request, and the events that answer it as they would be sent."""
    plan = talk.heard({"type": "response.create", "model": "m", "input": "hi"} | body)
    if not isinstance(plan, Plan):
        return plan
    if plan.status != 200:
        return [talk.refused(plan)]
    return [talk.spelled(event) for event in events(sent(plan))]


@pytest.fixture
def site() -> Site:
    return Site(None, ManualClock())


def test_a_turn_is_answered_with_the_events_of_a_stream(site: Site) -> None:
    found = turn(connected(site), model="lab-echo", input="hi there")
    assert (found[0]["type"], found[-1]["type"]) == ("response.created", "response.completed")
    text = "".join(event.get("delta", "") for event in found)
    assert text == "ok1: hi there"
    assert found[-1]["response"]["usage"]["total_tokens"] > 0


def test_a_warm_up_keeps_the_request_and_says_nothing(site: Site) -> None:
    talk = connected(site)
    found = turn(talk, input="remember me", generate=False)
    kinds = [event["type"].removeprefix("response.") for event in found]
    assert kinds == ["created", "in_progress", "completed"]
    assert (found[-1]["response"]["output"], found[-1]["response"]["usage"]) == ([], None)
    named = found[-1]["response"]["id"]
    again = turn(talk, model="lab-image-in-echo", input="hi", previous_response_id=named)
    assert "2 texts" in "".join(event.get("delta", "") for event in again)


def test_a_refused_warm_up_stays_refused(site: Site) -> None:
    (fault,) = turn(connected(site), model="lab-503", generate=False)
    assert fault["status"] == 503


def test_what_is_not_stored_lives_as_long_as_the_connection(site: Site) -> None:
    talk = connected(site)
    last = turn(talk, store=False)[-1]["response"]
    assert last["store"] is False
    named = last["id"]
    assert turn(talk, previous_response_id=named)[-1]["type"] == "response.completed"
    talk.closed()
    (fault,) = turn(connected(site), previous_response_id=named)
    assert (fault["status"], fault["error"]["code"]) == (400, "previous_response_not_found")


def test_what_is_stored_outlives_it_at_its_own_place(site: Site) -> None:
    talk = connected(site)
    named = turn(talk)[-1]["response"]["id"]
    talk.closed()
    assert turn(connected(site), previous_response_id=named)[-1]["type"] == "response.completed"
    (fault,) = turn(connected(site, "ok2"), previous_response_id=named)
    assert fault["error"]["code"] == "previous_response_not_found"


def test_a_status_becomes_an_error_event_with_its_headers(site: Site) -> None:
    (fault,) = turn(connected(site), model="lab-429-7")
    assert (fault["type"], fault["status"]) == ("error", 429)
    assert fault["headers"] == {"retry-after": "7"}
    assert fault["error"]["code"] == "rate_limit_exceeded"


def test_the_lane_is_repeated_in_every_event(site: Site) -> None:
    talk = connected(site)
    assert {event["stream_id"] for event in turn(talk, stream_id="a")} == {"a"}
    assert all("stream_id" not in event for event in turn(talk))


@pytest.mark.parametrize("message", [{}, {"type": "session.update"}, {"type": None}])
def test_other_messages_are_errors(site: Site, message: Json) -> None:
    reply = connected(site).heard(message)
    assert isinstance(reply, list)
    assert (reply[0]["type"], reply[0]["status"]) == ("error", 400)


def test_a_page_in_place_of_an_error_is_told_as_text() -> None:
    talk = Responses(lambda _: whole(b""), lambda _: None)
    told = talk.refused(whole(b"<html>", status=502, content_type="text/html"))
    assert told == {"type": "error", "status": 502, "error": {"message": "<html>"}}
    assert not talk.stops({"type": "response.cancel"})
    assert (talk.opened(), talk.stopped()) == ([], [])


def test_a_broken_answer_to_a_warm_up_passes_as_it_is() -> None:
    plan = whole(b"{}")
    talk = Responses(lambda _: plan, lambda _: None)
    heard = talk.heard({"type": "response.create", "generate": False})
    assert heard == plan
    assert isinstance(plan.steps[0], Send)
