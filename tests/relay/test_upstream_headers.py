"""Which headers an upstream sees."""

import pytest

from headgate.relay.call import Call
from headgate.relay.upstream_headers import headers_for
from headgate.routing.failover import Attempt
from headgate.snapshot.facts import Channel
from tests.calls import call
from tests.facts import channel, key, offer
from tests.relay.upstreams import (
    FakePool,
    attempts,
    reply,
    stages,
)


def headers(
    of: Channel, *sent: tuple[bytes, bytes], dialect: str = "openai_chat"
) -> dict[str, str]:
    asked: Call = call(headers=list(sent))
    attempt = Attempt(offer=offer(of), credential=of.credentials[0])
    return dict(headers_for(attempt, dialect, asked))


async def test_credential_and_request_id_go_along() -> None:
    pool = FakePool(reply())
    only = key([offer("a")])
    await attempts(only, stages(pool, only)).first_answer()
    assert pool.asked[0].own == (("x-request-id", "r1"),)
    shown = headers(channel("a"))
    assert shown["authorization"] == "Bearer k1"
    assert shown["user-agent"].startswith("headgate/")


def test_callers_own_key_cookies_and_addresses_stay_here() -> None:
    private = ["authorization", "x-api-key", "cookie", "x-forwarded-for", "host", "origin"]
    shown = headers(channel("a"), *((name.encode(), b"private") for name in private))
    assert "private" not in shown.values()


@pytest.mark.parametrize(
    "name", ["Authorization", "x-api-key", "X-Goog-Api-Key", "api-key", "Cookie"]
)
def test_operator_cannot_let_a_callers_key_through(name: str) -> None:
    of = channel("a", passthrough_headers=(name, "x-team"))
    shown = headers(of, (name.lower().encode(), b"private"), (b"x-team", b"red"))
    assert "private" not in shown.values()
    assert shown["x-team"] == "red"


def test_headers_of_the_dialect_go_to_an_upstream_that_speaks_it() -> None:
    beta = (b"openai-beta", b"assistants=v2")
    assert headers(channel("a"), beta)["openai-beta"] == "assistants=v2"
    assert "openai-beta" not in headers(channel("a"), beta, dialect="anthropic")


def test_operators_headers_are_sent_and_callers_win_where_they_may() -> None:
    made = channel(
        "a", headers=(("X-Team", "blue"), ("X-Foo", "fixed")), passthrough_headers=("X-Foo",)
    )
    assert headers(made)["x-foo"] == "fixed"
    shown = headers(made, (b"x-foo", b"mine"), (b"x-team", b"red"))
    assert (shown["x-foo"], shown["x-team"]) == ("mine", "blue")


def test_caller_cannot_replace_the_credential() -> None:
    made = channel("a", passthrough_headers=("Authorization",))
    assert headers(made, (b"authorization", b"Bearer mine"))["authorization"] == "Bearer k1"
