"""One attempt on the wire: an answer's head, or what a refusal means (`uni-api.md` 3.4)."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.snapshot.facts import Timeouts
from headgate.upstream.http1 import Origin
from headgate.upstream.open import Ask, address, open_upstream
from tests.relay.upstreams import CUT, DOWN, FakePool, FakeResponse, refused

NOW_S = 1_800_000_000.0
URL = "https://example.com/v1/chat/completions"


def ask(**changes: Any) -> Ask:
    facts: dict[str, Any] = {
        "url": URL,
        "model": "gpt",
        "query": "",
        "headers": [("authorization", "Bearer k1")],
        "body": b"{}",
        "timeouts": Timeouts(),
        "proxy": None,
        "decode_error": OPENAI_CHAT.decode_error,
    }
    facts["request_id"] = "r1"
    return Ask(**(facts | changes))


async def failure_of(answer: FakeResponse | Failure, **changes: Any) -> Failure:
    pool: Any = FakePool(answer)
    with pytest.raises(RelayError) as failed:
        await open_upstream(pool, ask(**changes), NOW_S)
    return failed.value.failure


@pytest.mark.parametrize("status", [200, 201, 206, 299])
async def test_success_is_handed_over_unread(status: int) -> None:
    answer = FakeResponse(b"hello", status=status)
    pool: Any = FakePool(answer)
    assert await open_upstream(pool, ask(), NOW_S) is answer
    assert await answer.read() == b"hello"


async def test_what_is_asked_goes_out_as_it_is() -> None:
    pool: Any = FakePool(FakeResponse())
    await open_upstream(pool, ask(body=b'{"a":1}', timeouts=Timeouts(idle_s=7.0)), NOW_S)
    (request,) = pool.asked
    assert (request.method, request.target, request.body) == (
        "POST",
        "/v1/chat/completions",
        b'{"a":1}',
    )
    assert request.origin == Origin("https", "example.com", 443)
    assert pool.timeouts == [Timeouts(idle_s=7.0)]


async def test_connections_through_a_proxy_are_kept_apart() -> None:
    pool: Any = FakePool(FakeResponse())
    await open_upstream(pool, ask(proxy="http://proxy:3128"), NOW_S)
    assert pool.asked[0].origin.proxy == "http://proxy:3128"


async def test_refusal_means_what_the_upstream_says() -> None:
    failure = await failure_of(refused(400, "too long", "context_length_exceeded"))
    assert failure.kind is FailureKind.CONTEXT_TOO_LONG
    assert msgspec.json.decode(failure.upstream_body or b"")["error"]["message"] == "too long"


async def test_host_that_says_400_for_its_own_troubles_may_be_left() -> None:
    assert (await failure_of(refused(400), retry_client_errors=True)).rule.retry


async def test_page_that_breaks_off_is_still_that_error() -> None:
    failure = await failure_of(FakeResponse(b"<html>", CUT, status=503))
    assert (failure.kind, failure.http_status) == (FailureKind.UPSTREAM_OVERLOADED, 503)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirect_is_not_followed_for_it_would_take_the_key_along(status: int) -> None:
    failure = await failure_of(FakeResponse(status=status))
    assert failure.kind is FailureKind.UPSTREAM_BAD_REPLY
    assert f"redirects ({status})" in failure.message


async def test_network_failure_is_passed_on() -> None:
    assert await failure_of(DOWN) is DOWN


@pytest.mark.parametrize(
    ("url", "model", "query", "target"),
    [
        (URL, "gpt", "", "/v1/chat/completions"),
        (URL, "gpt", "key=k1", "/v1/chat/completions?key=k1"),
        (
            "https://h/v1/{model}:stream?alt=sse",
            "gem",
            "key=k1",
            "/v1/gem:stream?alt=sse&key=k1",
        ),
        ("https://h/{model}", "org/m@1.5", "", "/org/m@1.5"),
        ("https://h/{model}", "a b?c#d%e", "", "/a%20b%3Fc%23d%25e"),
        ("https://h/{model}", "schön\r\n", "", "/sch%C3%B6n%0D%0A"),
    ],
)
def test_model_and_key_find_their_place_in_the_address(
    url: str, model: str, query: str, target: str
) -> None:
    assert address(url, model, query)[1] == target


class Signature:
    """A signer that tells what it was asked to sign."""

    def __call__(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        now_s: float,
    ) -> tuple[tuple[str, str], ...]:
        names = ",".join(name for name, _ in headers)
        return (("authorization", f"{method} {url} {names} {body!r} {now_s:.0f}"),)


async def test_a_signer_sees_the_request_as_it_is_sent_and_its_headers_win() -> None:
    pool: Any = FakePool(FakeResponse())
    url = "https://Example.com/model/{model_id}/converse"
    await open_upstream(pool, ask(url=url, model="a:0/b", sign=Signature()), NOW_S)
    (request,) = pool.asked
    assert request.target == "/model/a%3A0%2Fb/converse"
    assert list(request.headers) == []  # the operator's own `authorization` is taken out
    assert dict(request.own) == {
        "x-request-id": "r1",
        "authorization": "POST https://example.com:443/model/a%3A0%2Fb/converse authorization "
        "b'{}' 1800000000",
    }
