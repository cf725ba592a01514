"""What a Responses request goes on from, and what is kept of each reply."""

from typing import Any

import msgspec
import pytest

from headgate.base.clock import ManualClock
from headgate.base.failure import FailureKind, RelayError
from headgate.relay.call import Call
from headgate.relay.remembering import Memory, Stores, refuse_state
from headgate.routing.failover import Attempt
from tests.calls import call
from tests.facts import credential, offer

ATTEMPT = Attempt(offer=offer("a"), credential=credential("k1"))
CREATED = b'data: {"type":"response.created","response":{"id": "resp_1","object":"response"}}\n\n'


def memory(stores: Stores | None = None, owner: str = "k") -> Memory:
    return Memory(owner, stores or Stores(), ManualClock())


def asking(**body: Any) -> Call:
    return call({"model": "gpt", "input": "hi"} | body, dialect="openai_responses")


def test_other_dialects_go_on_from_nothing() -> None:
    asked = call({"model": "gpt", "previous_response_id": "resp_1"})
    assert memory().resumed(asked) == (asked, None)


@pytest.mark.parametrize("previous", ["resp_9", 7])
def test_response_that_nobody_stored_is_told(previous: object) -> None:
    with pytest.raises(RelayError) as caught:
        memory().resumed(asking(previous_response_id=previous))
    assert caught.value.failure.code == "previous_response_not_found"


def test_response_of_an_upstream_leads_back_to_it() -> None:
    stores = Stores()
    memory(stores).note_native(asking(), ATTEMPT, CREATED)
    asked = asking(previous_response_id="resp_1")
    resumed = memory(stores).resumed(asked)
    assert resumed.call is asked
    assert resumed.pin is not None
    assert resumed.pin.channel == "a"
    with pytest.raises(RelayError):
        memory(stores, owner="other").resumed(asked)


def test_request_that_names_a_file_goes_to_its_account() -> None:
    stores = Stores()
    now_s = ManualClock().monotonic_s()
    stores.pins.remember("k", "file-abc123", ATTEMPT, now_s, "files")
    asked = call(
        {"model": "gpt", "messages": [{"content": [{"file": {"file_id": "file-abc123"}}]}]}
    )
    assert memory(stores).resumed(asked).pin == stores.pins.find("k", "file-abc123", now_s)
    assert memory(stores).resumed(call()).pin is None


@pytest.mark.parametrize("written", [b"file-abc123", rb"file\u002dabc123", rb"\u0066ile-abc123"])
def test_file_of_another_key_is_not_asked_about(written: bytes) -> None:
    stores = Stores()
    stores.pins.remember("k", "file-abc123", ATTEMPT, ManualClock().monotonic_s(), "files")
    body = b'{"model":"gpt","messages":[{"content":[{"file":{"file_id":"%b"}}]}]}' % written
    with pytest.raises(RelayError) as caught:
        memory(stores, owner="other").resumed(call(body))
    assert caught.value.failure.kind is FailureKind.INVALID_REQUEST


def test_file_that_nobody_here_has_made_is_asked_about() -> None:
    stores = Stores()
    stores.pins.remember("k", "file-abc123", ATTEMPT, ManualClock().monotonic_s(), "files")
    asked = call({"model": "gpt", "messages": [{"content": "file-zzz999", "id": "file-zzz999"}]})
    assert memory(stores, owner="other").resumed(asked).pin is None


@pytest.mark.parametrize("named", ["conv_abc123", {"id": "conv_abc123"}])
def test_conversation_is_gone_on_with_by_its_own_key_alone(named: object) -> None:
    stores = Stores()
    stores.pins.remember("k", "conv_abc123", ATTEMPT, ManualClock().monotonic_s())
    pin = memory(stores).resumed(asking(conversation=named)).pin
    assert pin is not None
    assert pin.channel == "a"
    with pytest.raises(RelayError) as caught:
        memory(stores, owner="other").resumed(asking(conversation=named))
    assert caught.value.failure.param == "conversation"


def test_response_that_shall_not_be_stored_is_not() -> None:
    stores = Stores()
    memory(stores).note_native(asking(store=False), ATTEMPT, CREATED)
    with pytest.raises(RelayError):
        memory(stores).resumed(asking(previous_response_id="resp_1"))


def test_stored_conversation_is_put_in_front() -> None:
    stores = Stores()
    response = msgspec.json.encode({"id": "resp_1", "output": [{"a": 1}]})
    now_s = ManualClock().monotonic_s()
    stores.conversations.remember("k", asking().fields, response, now_s)
    resumed = memory(stores).resumed(asking(previous_response_id="resp_1", input=[{"b": 2}]))
    body = msgspec.json.decode(resumed.call.body)
    said = {"type": "message", "role": "user", "content": "hi"}
    assert body["input"] == [said, {"a": 1}, {"b": 2}]
    assert "previous_response_id" not in body
    assert resumed.pin is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input"),
    ],
)
def test_state_of_an_upstream_is_not_translated(body: dict[str, Any], field: str) -> None:
    with pytest.raises(RelayError) as caught:
        refuse_state(asking(**body))
    failure = caught.value.failure
    assert (failure.kind, failure.http_status) == (FailureKind.UNSUPPORTED_OPERATION, 400)
    assert failure.param == field
    assert failure.rule.retry  # another channel may speak Responses


def test_request_without_state_may_be_translated() -> None:
    refuse_state(asking(background=False, conversation=None))
    refuse_state(call({"model": "gpt", "conversation": "x"}))
