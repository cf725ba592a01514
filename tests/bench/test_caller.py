from __future__ import annotations

import pytest

from bench.caller import AnswerError, check, is_whole, request

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", False),
        (LENGTH + b"hell", False),
        (LENGTH + b"hello", True),
        (CHUNKED, False),
        (CHUNKED + b"5\r\nhello\r\n", False),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", True),
        (CHUNKED + b"0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\n\r\nneither length nor chunks", False),
    ],
)
def test_an_answer_is_whole_at_its_length_or_its_last_chunk(data: bytes, whole: bool) -> None:
    assert is_whole(data) is whole


@pytest.mark.parametrize("data", [LENGTH + b"other", b"HTTP/1.1 500 Oh\r\n\r\nhello"])
def test_an_answer_without_the_proof_or_with_another_status_is_refused(data: bytes) -> None:
    check(LENGTH + b"hello", b"hello")
    with pytest.raises(AnswerError):
        check(data, b"hello")


def test_a_request_declares_the_length_of_its_body() -> None:
    head, _, body = request("/v1/x", b"{}").partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/x HTTP/1.1\r\n")
    assert b"\r\nContent-Length: 2" in head
    assert body == b"{}"
