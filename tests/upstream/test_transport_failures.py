from __future__ import annotations

import ssl

import pytest

from headgate.base.failure import FailureKind
from headgate.upstream.transport_failures import (
    bad_reply,
    connect_timed_out,
    cut,
    proxy_failed,
    timed_out,
    tls_failed,
    unreachable,
)

K = FailureKind


def test_words_are_those_that_uni_apis_users_know() -> None:
    assert (unreachable().http_status, unreachable().message) == (
        503,
        "Unable to connect to service",
    )
    assert (connect_timed_out().http_status, connect_timed_out().message) == (
        504,
        "Connection timed out",
    )
    assert cut(has_begun=False).message == "Connection closed unexpectedly"


@pytest.mark.parametrize(
    ("bound_s", "shown"), [(1.0, "1"), (0.5, "0.5"), (100.0, "100"), (1e9, "1000000000")]
)
def test_bound_is_told_without_needless_digits(bound_s: float, shown: str) -> None:
    message = timed_out(bound_s, has_begun=False).message
    assert message == f"Request timed out after {shown} seconds"


def test_only_what_has_begun_is_an_interruption() -> None:
    begun = [make(has_begun=True) for make in (cut,)]
    begun += [timed_out(1, has_begun=True), bad_reply("x", has_begun=True)]
    assert {failure.kind for failure in begun} == {K.UPSTREAM_INTERRUPTED}
    assert not any(failure.rule.retry for failure in begun)
    not_begun = [
        cut(has_begun=False),
        timed_out(1, has_begun=False),
        bad_reply("x", has_begun=False),
    ]
    assert [failure.kind for failure in not_begun] == [
        K.UPSTREAM_ERROR,
        K.UPSTREAM_TIMEOUT,
        K.UPSTREAM_BAD_REPLY,
    ]
    assert all(failure.rule.retry for failure in not_begun)


def test_handshake_says_what_was_wrong_with_it() -> None:
    expired = ssl.SSLCertVerificationError(1, "long text")
    expired.verify_message = "certificate has expired"
    assert tls_failed(expired).code == "upstream_tls_error"
    assert "certificate has expired" in tls_failed(expired).message
    assert "closed during the handshake" in tls_failed(ConnectionResetError()).message


def test_proxys_fault_is_told_apart() -> None:
    failure = proxy_failed("answered 407")
    assert (failure.kind, failure.code) == (K.UPSTREAM_UNREACHABLE, "upstream_proxy_error")
    assert failure.message == "Unable to connect to service (proxy: answered 407)"
