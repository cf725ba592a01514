"""Which key makes the next attempt (`uni-api.md` 6.2, cases 30 and 54 to 66)."""

from random import Random

from headgate.base.failure import Failure, FailureKind
from headgate.routing.credentials import Chosen, CredentialPool, Refused, dealt
from headgate.routing.health import Health
from headgate.snapshot.facts import Offer, RateLimit, Strategy, Window
from tests.facts import channel, offer

TWO_A_MINUTE = RateLimit(windows=(Window(2, 60.0),))


def chosen(of: Offer, turns: int, *, now_s: float = 0.0) -> list[str | None]:
    """Keys that consecutive requests get; None: refused."""
    pool = CredentialPool(Health(), Random(1))
    picks = [pool.choose(of, set(), now_s) for _ in range(turns)]
    return [pick.credential.label if isinstance(pick, Chosen) else None for pick in picks]


def test_keys_take_turns() -> None:
    assert chosen(offer(channel("a", ["k1", "k2"])), 4) == ["k1", "k2", "k1", "k2"]


def test_fixed_priority_uses_the_first_key_until_it_is_limited() -> None:
    made = channel("a", ["k1", "k2"], credential_strategy=Strategy.FIXED_PRIORITY)
    of = offer(made, credential_limit=TWO_A_MINUTE)
    assert chosen(of, 5) == ["k1", "k1", "k2", "k2", None]


def test_limits_of_all_keys_add_up() -> None:
    of = offer(channel("a", ["k1", "k2"]), credential_limit=TWO_A_MINUTE)
    assert chosen(of, 5) == ["k1", "k2", "k1", "k2", None]


def test_random_is_shuffled_once_and_then_in_turn() -> None:
    made = channel("a", ["k1", "k2", "k3"], credential_strategy=Strategy.RANDOM)
    picks = chosen(offer(made), 6)
    assert set(picks[:3]) == {"k1", "k2", "k3"}
    assert picks[:3] == picks[3:]


def test_refusal_tells_when_a_key_is_free_again() -> None:
    of = offer("a", credential_limit=RateLimit(windows=(Window(1, 60.0),)))
    pool = CredentialPool(Health(), Random(1))
    pool.choose(of, set(), 0.0)
    assert pool.choose(of, set(), 10.0) == Refused(50.0, untried=True)


def test_each_key_is_tried_once_in_a_request() -> None:
    of = offer(channel("a", ["k1", "k2"]))
    pool = CredentialPool(Health(), Random(1))
    assert pool.choose(of, {"k1", "k2"}, 0.0) == Refused(None, untried=False)


def test_resting_key_is_passed_over() -> None:
    made = channel("a", ["bad", "good"], credential_cooldown_s=60.0)
    of, health = offer(made), Health()
    pool = CredentialPool(health, Random(1))
    refused = Failure(kind=FailureKind.UPSTREAM_KEY_REFUSED, message="")
    health.failed(of, made.credentials[0], refused, alternatives=1, now_s=0.0)
    picks = [pool.choose(of, set(), 1.0) for _ in range(3)]
    assert [pick.credential.label for pick in picks if isinstance(pick, Chosen)] == ["good"] * 3


def test_when_all_keys_rest_the_least_bad_one_is_tried() -> None:
    made = channel("a", ["k1", "k2"], credential_cooldown_s=60.0)
    of, health = offer(made), Health()
    refused = Failure(kind=FailureKind.UPSTREAM_KEY_REFUSED, message="")
    health.failed(of, made.credentials[1], refused, alternatives=1, now_s=0.0)
    health.failed(of, made.credentials[0], refused, alternatives=1, now_s=5.0)
    pick = CredentialPool(health, Random(1)).choose(of, set(), 10.0)
    assert isinstance(pick, Chosen)
    assert pick.credential.label == "k2"
    assert pick.rest is not None


def test_callers_mistake_does_not_count_against_the_key() -> None:
    of = offer("a", credential_limit=RateLimit(windows=(Window(1, 60.0),)))
    pool = CredentialPool(Health(), Random(1))
    pool.choose(of, set(), 0.0)
    pool.give_back(of, of.channel.credentials[0])
    assert isinstance(pool.choose(of, set(), 1.0), Chosen)


def test_smart_round_robin_puts_successful_keys_first() -> None:
    made = channel("a", ["k1", "k2", "k3"], credential_strategy=Strategy.SMART_ROUND_ROBIN)
    of = offer(made)
    pool = CredentialPool(Health(), Random(1))
    for key, success in (("k1", False), ("k2", True), ("k3", True), ("k3", True)):
        credential = next(c for c in made.credentials if c.label == key)
        pool.note(made, credential, success=success)
    picks = [pool.choose(of, set(), 0.0) for _ in range(3)]
    labels = [pick.credential.label for pick in picks if isinstance(pick, Chosen)]
    assert labels == ["k3", "k2", "k1"]


def test_many_keys_are_dealt_into_groups_of_about_a_hundred() -> None:
    order = dealt(list(range(250)))
    assert sorted(order) == list(range(250))
    assert order[0] == 0
    assert order[84] == 1  # the second best opens the second group
