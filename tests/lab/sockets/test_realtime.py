from __future__ import annotations

import base64
from typing import Any

import pytest

from headgate.lab.plan import Plan, whole
from headgate.lab.sockets.realtime import Realtime
from headgate.lab.wires.question import Json

USER: Json = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}


class Session:
    """A session whose responses are noted and not given."""

    def __init__(self, *, beta: bool = False) -> None:
        self.bodies: list[Json] = []
        self.talk = Realtime("sess_1", "gpt-realtime", self.answer, beta=beta)

    def answer(self, body: Json) -> Plan:
        self.bodies.append(body)
        return whole(b"{}")

    def say(self, kind: str, **more: Any) -> list[Json]:
        reply = self.talk.heard({"type": kind} | more)
        return [] if isinstance(reply, Plan) else [self.talk.spelled(event) for event in reply]

    def kinds(self, kind: str, **more: Any) -> list[str]:
        return [event["type"] for event in self.say(kind, **more)]


def test_a_session_opens_with_its_settings_and_takes_others() -> None:
    session = Session()
    (created,) = session.talk.opened()
    assert created["session"]["model"] == "gpt-realtime"
    (updated,) = session.say("session.update", session={"instructions": "be brief", "id": "x"})
    assert updated["type"] == "session.updated"
    assert updated["session"]["instructions"] == "be brief"
    assert updated["session"]["id"] == created["session"]["id"] == "sess_1"


def test_events_are_numbered() -> None:
    session = Session()
    names = [session.say("input_audio_buffer.clear")[0]["event_id"] for _ in range(2)]
    assert names == ["event_sess_1_1", "event_sess_1_2"]


def test_a_response_answers_the_conversation_with_the_sessions_settings() -> None:
    session = Session()
    session.say("session.update", session={"instructions": "be brief"})
    added = session.say("conversation.item.create", item=USER)
    assert [event["type"] for event in added] == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    session.say("response.create", response={"output_modalities": ["audio"]})
    (body,) = session.bodies
    assert body["input"] == [added[0]["item"]]
    assert (body["instructions"], body["output_modalities"]) == ("be brief", ["audio"])
    session.say("response.create", response={"input": []})
    assert session.bodies[1]["input"][0]["content"] == []


def test_what_the_lab_says_joins_the_conversation() -> None:
    session = Session()
    item = {"id": "item_9", "type": "message", "role": "assistant", "content": []}
    session.talk.spelled({"type": "response.output_item.done", "item": item})
    session.say("response.create")
    assert [each["id"] for each in session.bodies[0]["input"]] == ["item_9"]
    assert session.kinds("conversation.item.retrieve", item_id="item_9") == [
        "conversation.item.retrieved"
    ]
    truncated = session.say("conversation.item.truncate", item_id="item_9", audio_end_ms=5)
    assert (truncated[0]["type"], truncated[0]["audio_end_ms"]) == (
        "conversation.item.truncated",
        5,
    )
    assert session.kinds("conversation.item.delete", item_id="item_9") == [
        "conversation.item.deleted"
    ]
    for kind in ("retrieve", "truncate", "delete"):
        (fault,) = session.say(f"conversation.item.{kind}", item_id="item_9", event_id="e1")
        assert (fault["error"]["code"], fault["error"]["event_id"]) == ("item_not_found", "e1")


def test_sound_is_collected_committed_and_counted() -> None:
    session = Session()
    sound = base64.b64encode(bytes(9600)).decode()
    assert session.say("input_audio_buffer.append", audio=sound) == []
    assert session.kinds("input_audio_buffer.commit") == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    session.say("response.create")
    assert session.bodies[0]["audio_bytes"] == 9600
    session.say("response.create")
    assert session.bodies[1]["audio_bytes"] == 0
    session.say("input_audio_buffer.append", audio=sound)
    assert session.kinds("input_audio_buffer.clear") == ["input_audio_buffer.cleared"]
    assert session.kinds("input_audio_buffer.commit") == ["error"]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "nonsense"},
        {},
        {"type": "conversation.item.create"},
        {"type": "input_audio_buffer.append", "audio": "???"},
        {"type": "input_audio_buffer.append"},
        {"type": "response.cancel"},
    ],
)
def test_what_cannot_be_done_is_an_error_event(message: Json) -> None:
    reply = Session().talk.heard(message)
    assert isinstance(reply, list)
    assert [event["type"] for event in reply] == ["error"]


def test_the_beta_has_its_own_names() -> None:
    session = Session(beta=True)
    assert session.kinds("conversation.item.create", item=USER) == ["conversation.item.created"]
    event = session.talk.spelled({"type": "response.output_text.delta", "delta": "a"})
    assert event["type"] == "response.text.delta"
    session.say("session.update", session={"modalities": ["audio", "text"]})
    session.say("response.create", response={"modalities": ["text"]})
    assert session.bodies[0]["output_modalities"] == ["text"]


def test_only_a_cancellation_stops_a_response() -> None:
    talk = Session().talk
    assert talk.stops({"type": "response.cancel"})
    assert not talk.stops({"type": "response.create"})
    assert talk.stopped()[0]["response"]["status"] == "cancelled"


def test_a_refusal_becomes_an_error_event() -> None:
    event = Session().talk.refused(whole(b'{"error":{"message":"no"}}', status=429))
    assert (event["error"]["message"], event["error"]["code"]) == ("no", "rate_limit_exceeded")
