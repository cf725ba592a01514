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
    assert pin == Pin("a", "k2")
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


def test_collection_lists_a_keys_own_objects_the_newest_first() -> None:
    pins = Pins()
    attempt = Attempt(offer=OTHER, credential=credential("k1"))
    for number in range(3):
        pins.remember("key", f"file-{number}", attempt, 0.0, "files")
    pins.remember("other", "file-9", attempt, 0.0, "files")
    pins.remember("key", "batch_1", attempt, 0.0, "batches")
    assert pins.listed("key", "files", 1.0) == ["file-2", "file-1", "file-0"]
    pins.forget("key", "file-1")
    assert pins.listed("key", "files", 1.0) == ["file-2", "file-0"]
    assert pins.listed("key", "threads", 1.0) == []
    assert pins.home("key", 1.0) == Pin("b", "k1")
    assert pins.home("nobody", 1.0) is None


def test_what_one_key_was_given_never_becomes_anothers() -> None:
    pins = Pins()
    attempt = Attempt(offer=OTHER, credential=credential("k1"))
    pins.remember("key", "file-1", attempt, 0.0, "files")
    pins.remember("other", "file-1", attempt, 0.0, "files")
    assert pins.find("other", "file-1", 1.0) is None
    assert pins.listed("other", "files", 1.0) == []
    assert pins.is_anothers("other", "file-1", 1.0)
    assert not pins.is_anothers("key", "file-1", 1.0)
    assert not pins.is_anothers("other", "file-2", 1.0)


def test_two_accounts_may_give_out_the_same_id() -> None:
    pins = Pins()
    pins.remember("key", "file-1", Attempt(offer=MANY, credential=credential("k1")), 0.0)
    pins.remember("other", "file-1", Attempt(offer=MANY, credential=credential("k2")), 0.0)
    assert pins.find("other", "file-1", 1.0) == Pin("a", "k2")
    assert not pins.is_anothers("key", "file-1", 1.0)


def test_what_is_deleted_may_be_given_out_again() -> None:
    pins = Pins()
    attempt = Attempt(offer=OTHER, credential=credential("k1"))
    pins.remember("key", "file-1", attempt, 0.0)
    assert not pins.forget("other", "file-1")
    pins.forget("key", "file-1")
    pins.remember("other", "file-1", attempt, 0.0)
    assert pins.find("other", "file-1", 1.0) == Pin("b", "k1")
