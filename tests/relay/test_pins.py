"""An object is found by its own key, at the account that gave it out."""

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.relay.pins import Pin, Pins, pinned_plan
from headgate.routing.failover import Attempt
from headgate.routing.plan import Outline
from headgate.snapshot.facts import Route
from tests.facts import channel, credential, offer

MANY = offer(channel("a", keys=("k1", "k2")), "up")
OTHER = offer(channel("b"), "up")
OUTLINE = Outline((Route(offer=OTHER), Route(offer=MANY)))


def test_object_leads_to_its_account() -> None:
    pins = Pins()
    attempt = Attempt(offer=MANY, credential=credential("k2"))
    pins.remember("key", "resp_1", attempt, 0.0)
    pin = pins.find("key", "resp_1", 1.0)
    assert pin == Pin("a", "k2", "up")
    (found,) = pinned_plan(OUTLINE, pin).offers
    assert found.channel.name == "a"
    assert [each.label for each in found.channel.credentials] == ["k2"]


def test_nobody_elses_object_leads_anywhere() -> None:
    pins = Pins()
    pins.remember("key", "resp_1", Attempt(offer=OTHER, credential=credential("k1")), 0.0)
    assert pins.find("other", "resp_1", 1.0) is None
    assert not pins.forget("other", "resp_1")
    assert pins.forget("key", "resp_1")
    assert pins.find("key", "resp_1", 1.0) is None


def test_channel_with_one_credential_is_taken_as_it_is() -> None:
    assert pinned_plan(OUTLINE, Pin("b", "k1")).offers == (OTHER,)


@pytest.mark.parametrize("pin", [Pin("gone", "k1"), Pin("a", "gone")])
def test_owner_that_is_gone_is_told(pin: Pin) -> None:
    with pytest.raises(RelayError) as caught:
        pinned_plan(OUTLINE, pin)
    assert caught.value.failure.kind is FailureKind.UNSUPPORTED_OPERATION
    assert pin.channel in caught.value.failure.message
