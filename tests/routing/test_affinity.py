"""A session goes on where it was served last, and sessions spread as requests did."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import Failure, FailureKind
from headgate.providers.provider import Operation
from headgate.routing.affinity import Seat, keeps_sessions, seated
from headgate.routing.credentials import CredentialPool
from headgate.routing.failover import Attempt, Failover
from headgate.routing.health import Health
from headgate.routing.plan import Need, Router
from headgate.routing.strategies import STRATEGIES, Weights
from headgate.snapshot.facts import Key, Offer, RateLimit, Route, RouteGroup, Strategy, Window
from tests.facts import channel, key, offer

DOWN = Failure(kind=FailureKind.UPSTREAM_ERROR, message="", status=500)
LIMITED = Failure(kind=FailureKind.UPSTREAM_RATE_LIMITED, message="", status=429)
NEED = Need(model="gpt", operation=Operation.CHAT, path="/v1/chat/completions", body_bytes=100)
SPREADING = [strategy for strategy in Strategy if strategy is not Strategy.FIXED_PRIORITY]
WEIGHING = [Strategy.WEIGHTED_ROUND_ROBIN, Strategy.SMART_ROUND_ROBIN, Strategy.LOTTERY]

strategies = st.sampled_from(list(Strategy))
spreading = st.sampled_from(SPREADING)


class Desk:
    """What serves requests one after the other, and remembers the seats of sessions."""

    def __init__(self, of: Key, seed: int = 7) -> None:
        self.health = Health()
        self.pool = CredentialPool(self.health, Random(seed))
        self._key = of
        self._router = Router(self.health, Random(seed))
        self._seats: dict[str, Seat] = {}

    def order(self, session: str = "", now_s: float = 0.0) -> str:
        """Channels in the order of trying, without serving anybody."""
        plan = self._router.plan(self._key, NEED, now_s, self._seats.get(session))
        return "".join(offer.channel.name for offer in plan.offers)

    def serve(self, session: str = "", now_s: float = 0.0, down: str = "") -> str:
        """Give the channel and the credential that answer; those of `down` fail first."""
        plan = self._router.plan(self._key, NEED, now_s, self._seats.get(session))
        failover = Failover(plan.offers, self.pool, rest=plan.rest, seat=plan.seat)
        attempt = failover.next(now_s)
        while attempt is not None and attempt.offer.channel.name in down:
            attempt = failover.next(now_s, DOWN)
        return self._sat(session, attempt)

    def _sat(self, session: str, attempt: Attempt | None) -> str:
        if attempt is None:
            return "-"
        of, label = attempt.offer, attempt.credential.label
        if session:
            turn = len(self._seats)
            self._seats[session] = Seat(of.channel.name, of.model, label, turn)
        return f"{of.channel.name}/{label}"


def offers(names: str, keys: Sequence[str] = ("k1", "k2")) -> list[Offer]:
    return [offer(channel(name, keys)) for name in names]


def routes(weights: Weights) -> list[Route]:
    made = offers("abcdefgh"[: len(weights)])
    return [Route(offer=each, weight=weight) for each, weight in zip(made, weights, strict=True)]


@pytest.mark.parametrize("strategy", SPREADING)
def test_session_goes_on_at_its_channel_and_credential(strategy: Strategy) -> None:
    desk = Desk(key(offers("abc"), strategy=strategy))
    desk.serve()
    served = []
    for _ in range(5):
        served.append(desk.serve("s"))
        desk.serve("other")
        desk.serve()
    assert len(set(served)) == 1


def test_fixed_priority_of_channels_stays_and_credentials_still_stick() -> None:
    desk = Desk(key(offers("ab")))
    assert [desk.serve("s"), desk.serve("t"), desk.serve("s")] == ["a/k1", "a/k2", "a/k1"]
    assert desk.serve("s", down="a") == "b/k1"
    assert desk.serve("s").startswith("a/")


def test_session_that_failed_over_stays_with_whoever_answered() -> None:
    desk = Desk(key(offers("abc"), strategy=Strategy.ROUND_ROBIN))
    assert desk.serve("s") == "a/k1"
    moved = desk.serve("s", down="a")
    assert not moved.startswith("a")
    assert [desk.serve("s") for _ in range(3)] == [moved] * 3


def test_session_leaves_a_resting_channel_with_a_turn_like_a_new_one() -> None:
    made = offers("abc")
    desk = Desk(key(made, strategy=Strategy.ROUND_ROBIN))
    assert desk.serve("s") == "a/k1"
    desk.health.failed(made[0], made[0].channel.credentials[0], DOWN, alternatives=3, now_s=0.0)
    assert desk.serve("s", now_s=1.0) == "c/k1"  # of b and c it is c's turn
    assert desk.serve("s", now_s=1000.0) == "c/k1"


def test_session_leaves_a_resting_credential() -> None:
    made = offers("a")
    desk = Desk(key(made))
    assert desk.serve("s") == "a/k1"
    desk.health.failed(made[0], made[0].channel.credentials[0], LIMITED, alternatives=1, now_s=0.0)
    assert desk.serve("s", now_s=1.0) == "a/k2"


def test_session_never_uses_a_credential_beyond_its_limit() -> None:
    of = offer(channel("a", ["k1", "k2"]), credential_limit=RateLimit(windows=(Window(2, 60.0),)))
    desk = Desk(key([of]))
    assert [desk.serve("s") for _ in range(5)] == ["a/k1", "a/k1", "a/k2", "a/k2", "-"]


def test_fixed_order_of_credentials_stays() -> None:
    made = channel("a", ["k1", "k2"], credential_strategy=Strategy.FIXED_PRIORITY)
    desk = Desk(key([offer(made, credential_limit=RateLimit(windows=(Window(1, 60.0),)))]))
    assert [desk.serve("s"), desk.serve("s")] == ["a/k1", "a/k2"]
    assert desk.serve("s", now_s=61.0) == "a/k1"


def test_channel_that_has_gone_is_forgotten() -> None:
    assert seat_of("gone").is_at(offer("a")) is False
    asked = Router(Health(), Random(1))
    of = key(offers("ab"), strategy=Strategy.ROUND_ROBIN)
    plans = [asked.plan(of, NEED, 0.0, seat_of("gone")) for _ in range(2)]
    assert [plan.offers[0].channel.name for plan in plans] == ["a", "b"]


def test_credential_that_has_gone_is_forgotten() -> None:
    of = offer(channel("a", ["k1", "k2"]))
    pool = CredentialPool(Health(), Random(1))
    failover = Failover([of], pool, seat=seat_of("a", credential="gone"))
    attempt = failover.next(0.0)
    assert attempt is not None
    assert attempt.credential.label == "k1"


def test_label_counts_only_in_its_own_channel() -> None:
    assert seat_of("a", credential="k2").label_at(offer("a")) == "k2"
    assert seat_of("a", credential="k2").label_at(offer("b")) == ""


def test_two_models_of_a_channel_are_apart() -> None:
    of = channel("a")
    made = [offer(of, "small", alias="gpt"), offer(of, "large", alias="gpt")]
    asked = Router(Health(), Random(1))
    plan = asked.plan(
        key(made, strategy=Strategy.ROUND_ROBIN), NEED, 0.0, seat_of("a", model="large")
    )
    assert [each.model for each in plan.offers] == ["large", "small"]


@pytest.mark.parametrize("strategy", WEIGHING)
def test_route_that_stands_by_gives_its_sessions_back(strategy: Strategy) -> None:
    desk = Desk(key(routes([5, 1, None]), strategy=strategy))
    assert desk.serve("s", down="ab").startswith("c")
    assert not desk.serve("s").startswith("c")


def test_route_without_weight_keeps_its_sessions_where_nothing_is_weighed() -> None:
    assert keeps_sessions(Strategy.WEIGHTED_ROUND_ROBIN, [5, None], 1)
    assert keeps_sessions(Strategy.ROUND_ROBIN, [5, 1, None], 2)
    assert not keeps_sessions(Strategy.FIXED_PRIORITY, [None, None], 0)


def nested(strategy: Strategy, inner: Strategy) -> Key:
    """Make a key with a channel and another key, which has two channels, used as a channel."""
    a, b, c = offers("abc")
    group = RouteGroup(key_label="inner", strategy=inner, routes=(Route(offer=b), Route(offer=c)))
    return key([a, group], strategy=strategy)


def test_session_goes_on_inside_of_another_key() -> None:
    desk = Desk(nested(Strategy.ROUND_ROBIN, Strategy.ROUND_ROBIN))
    served = [desk.serve(session) for session in "stuv"]
    assert served == ["a/k1", "b/k1", "a/k2", "c/k1"]
    assert [desk.serve(session) for session in "vuts"] == served[::-1]
    assert [desk.order(session) for session in "tv"] == ["bca", "cba"]


def test_each_key_that_is_used_as_a_channel_keeps_its_own_order() -> None:
    desk = Desk(nested(Strategy.ROUND_ROBIN, Strategy.FIXED_PRIORITY))
    desk.serve("s", down="ab")
    assert desk.order("s") == "bca"  # c answered, but its key says that b comes first
    desk = Desk(nested(Strategy.FIXED_PRIORITY, Strategy.ROUND_ROBIN))
    assert desk.serve("s", down="ab") == "c/k1"
    assert desk.order("s") == "acb"  # a comes first, and c before b only if a fails


# ---------------------------------------------------------------- for all

weighted_lists = st.lists(st.none() | st.integers(1, 9), min_size=1, max_size=8)


@given(strategies, weighted_lists, st.data())
def test_seated_order_is_a_permutation_with_the_place_first(
    strategy: Strategy, weights: Weights, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(weights) - 1))
    turn = data.draw(st.integers(0, 2**32 - 1))
    order = seated(STRATEGIES[strategy], weights, place, turn, Random(turn))
    assert order[0] == place
    assert sorted(order) == list(range(len(weights)))


@given(spreading, weighted_lists, st.lists(st.integers(0, 5), max_size=12), st.integers(0, 99))
def test_sessions_spread_as_requests_without_a_session_did(
    strategy: Strategy, weights: Weights, repeats: list[int], seed: int
) -> None:
    """However often each session comes back in between, the first places are dealt the same."""
    of = key(routes(weights), strategy=strategy)
    plain, desk = Desk(of, seed), Desk(of, seed)
    if strategy in (Strategy.LOTTERY, Strategy.RANDOM):
        repeats = [0] * len(repeats)  # who comes back draws, too: counted in the next test
    requests = [plain.serve() for _ in repeats]
    sessions = []
    for number, times in enumerate(repeats):
        sessions.append(desk.serve(str(number)))
        for step in range(times):
            desk.serve(str(step % (number + 1)))
    assert sessions == requests


@pytest.mark.parametrize("strategy", SPREADING)
@pytest.mark.parametrize("weights", [[None, None, None], [5, 3, 2]])
def test_each_channel_gets_its_share_of_the_sessions(
    strategy: Strategy, weights: list[int | None]
) -> None:
    plain, desk = (Desk(key(routes(weights), strategy=strategy)) for _ in range(2))
    asked = Counter(plain.serve() for _ in range(3000))
    served: Counter[str] = Counter()
    for number in range(3000):
        served[desk.serve(str(number))] += 1
        desk.serve(str(number // 2))
        desk.serve(str(number))
    assert asked.keys() == served.keys()
    assert all(abs(asked[place] - served[place]) < 120 for place in asked)


@pytest.mark.parametrize("strategy", SPREADING)
def test_sessions_of_a_channel_that_fails_spread_over_the_others(strategy: Strategy) -> None:
    desk = Desk(key(offers("abcd", ["k1"]), strategy=strategy))
    served = {str(number): desk.serve(str(number)) for number in range(2000)}
    leaving = [session for session, place in served.items() if place.startswith("a")]
    moved = Counter(desk.serve(session, down="a") for session in leaving)
    assert set(moved) == {"b/k1", "c/k1", "d/k1"}
    assert max(moved.values()) < len(leaving) * 0.45
    staying = [session for session in served if session not in leaving]
    assert all(desk.serve(session) == served[session] for session in staying)


def seat_of(name: str, model: str = "gpt", credential: str = "k1") -> Seat:
    return Seat(name, model, credential)
