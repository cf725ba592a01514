"""What makes a head unacceptable; the battery on the wire is in test_smuggling.py."""

from __future__ import annotations

import pytest

from headgate.base.failure import RelayError
from headgate.edge.head import check_host, is_chunked, unique_fields, wants_continue


def test_first_of_a_repeated_header_counts() -> None:
    headers = [(b"accept", b"a"), (b"x", b"1"), (b"accept", b"b")]
    assert unique_fields(headers) == {b"accept": b"a", b"x": b"1"}


@pytest.mark.parametrize("name", [b"host", b"authorization", b"x-api-key", b"content-encoding"])
def test_header_that_means_one_thing_may_not_be_repeated(name: bytes) -> None:
    with pytest.raises(RelayError) as refused:
        unique_fields([(name, b"a"), (b"x", b"1"), (name, b"a")])
    assert refused.value.failure.http_status == 400
    assert name.decode() in refused.value.failure.message


def test_host_may_be_missing_only_in_http_1_0() -> None:
    check_host(None, http_1_0=True)
    with pytest.raises(RelayError):
        check_host(None, http_1_0=False)
    with pytest.raises(RelayError):
        check_host(b"a/b", http_1_0=True)


def test_chunked_is_the_only_coding_and_the_only_framing() -> None:
    assert not is_chunked({}, http_1_0=False)
    assert is_chunked({b"transfer-encoding": b"Chunked"}, http_1_0=False)
    for fields, http_1_0 in (
        ({b"transfer-encoding": b"chunked"}, True),
        ({b"transfer-encoding": b"gzip, chunked"}, False),
        ({b"transfer-encoding": b"chunked", b"content-length": b"1"}, False),
    ):
        with pytest.raises(RelayError):
            is_chunked(fields, http_1_0=http_1_0)


def test_only_one_expectation_is_known() -> None:
    assert not wants_continue({})
    assert wants_continue({b"expect": b"100-Continue"})
    with pytest.raises(RelayError) as refused:
        wants_continue({b"expect": b"x"})
    assert refused.value.failure.http_status == 417
