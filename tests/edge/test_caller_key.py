"""The key is read from one place, and two different ones are refused (S-26)."""

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.edge.caller_key import caller_key
from headgate.edge.request import Request


def asking(*headers: tuple[bytes, bytes], query: str = "") -> Request:
    fields: dict[bytes, bytes] = {}
    for name, value in headers:
        fields.setdefault(name, value)
    return Request(
        method="POST",
        path="/v1/chat/completions",
        query=query,
        params={},
        headers=list(headers),
        fields=fields,
        client_ip="127.0.0.1",
        body=b"",
        received_s=0.0,
        request_id="r1",
    )


@pytest.mark.parametrize(
    "header",
    [
        (b"authorization", b"Bearer sk-1"),
        (b"authorization", b"bearer sk-1"),
        (b"authorization", b"  Bearer   sk-1  "),
        (b"authorization", b"sk-1"),
        (b"x-api-key", b"sk-1"),
        (b"x-api-key", b" sk-1 "),
        (b"x-goog-api-key", b"sk-1"),
        (b"api-key", b"sk-1"),
    ],
)
def test_each_sdks_header_carries_the_key(header: tuple[bytes, bytes]) -> None:
    assert caller_key(asking(header)) == "sk-1"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"")],
        [(b"authorization", b"Digest a b c")],
        [(b"x-api-key", b"")],
        [(b"x-api-key", b"  ")],
    ],
)
def test_no_key_is_none(headers: list[tuple[bytes, bytes]]) -> None:
    assert caller_key(asking(*headers)) is None


def test_the_same_key_twice_is_one_key() -> None:
    both = asking((b"authorization", b"Bearer sk-1"), (b"x-api-key", b"sk-1"))
    assert caller_key(both) == "sk-1"


def test_empty_header_beside_a_key_does_not_count() -> None:
    both = asking((b"authorization", b"Bearer sk-1"), (b"x-api-key", b""))
    assert caller_key(both) == "sk-1"


@pytest.mark.parametrize("other", [b"x-api-key", b"x-goog-api-key", b"api-key"])
def test_two_different_keys_are_refused_without_repeating_either(other: bytes) -> None:
    both = asking((b"authorization", b"Bearer sk-one"), (other, b"sk-two"))
    with pytest.raises(RelayError, match="Two different API keys") as refused:
        caller_key(both)
    failure = refused.value.failure
    assert failure.kind is FailureKind.UNAUTHENTICATED
    assert failure.code == "ambiguous_credentials"
    assert "sk-" not in failure.message


@pytest.mark.parametrize("query", ["key=sk-1", "alt=sse&key=sk%2D1"])
def test_key_in_the_query_is_a_key(query: str) -> None:
    assert caller_key(asking(query=query)) == "sk-1"
    assert caller_key(asking((b"x-goog-api-key", b"sk-1"), query=query)) == "sk-1"


def test_key_in_the_query_must_not_differ_from_the_one_in_a_header() -> None:
    with pytest.raises(RelayError) as caught:
        caller_key(asking((b"x-goog-api-key", b"sk-2"), query="key=sk-1"))
    assert caught.value.failure.code == "ambiguous_credentials"


def test_empty_key_in_the_query_is_none() -> None:
    assert caller_key(asking(query="key=&monkey=x")) is None


@pytest.mark.parametrize(
    "offered",
    [
        b"realtime, openai-insecure-api-key.sk-1, openai-beta.realtime-v1",
        b"openai-insecure-api-key.sk-1",
        b"realtime,openai-insecure-api-key.sk-1",
    ],
)
def test_key_of_a_browser_is_in_a_subprotocol(offered: bytes) -> None:
    assert caller_key(asking((b"sec-websocket-protocol", offered))) == "sk-1"


def test_subprotocols_without_a_key_are_no_key() -> None:
    assert caller_key(asking((b"sec-websocket-protocol", b"realtime, mqtt"))) is None


def test_another_key_in_a_subprotocol_is_refused() -> None:
    offered = (b"sec-websocket-protocol", b"openai-insecure-api-key.sk-2")
    with pytest.raises(RelayError) as refused:
        caller_key(asking((b"x-api-key", b"sk-1"), offered))
    assert refused.value.failure.code == "ambiguous_credentials"


def test_azures_spelling_in_the_query_is_a_key_as_well() -> None:
    assert caller_key(asking(query="api-version=1&api-key=sk-1")) == "sk-1"


@pytest.mark.parametrize("query", ["key=sk-1&key=sk-2", "key=sk-1&api-key=sk-2"])
def test_two_keys_in_the_query_are_refused(query: str) -> None:
    with pytest.raises(RelayError):
        caller_key(asking(query=query))
