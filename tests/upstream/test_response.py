from __future__ import annotations

from collections.abc import Callable

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.upstream.response import Headers, find_header, pump_by_reading, read_on


class Pieces:
    """An answer whose pieces are known beforehand."""

    def __init__(self, *pieces: bytes) -> None:
        self.status = 200
        self.headers: Headers = []
        self.is_aborted = False
        self._pieces = list(pieces)

    def header(self, name: bytes) -> bytes | None:
        return find_header(self.headers, name)

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    async def pump(self, sink: Callable[[bytes], bool]) -> bool:
        return await pump_by_reading(self, sink)

    async def read_all(self, limit_bytes: int) -> bytes:
        return await read_on(self, await self.read(), limit_bytes)

    def release(self) -> None:
        self._pieces.clear()

    def abort(self) -> None:
        self.is_aborted = True


async def test_pieces_are_put_together() -> None:
    assert await Pieces(b"ab", b"c", b"d").read_all(4) == b"abcd"
    assert await Pieces().read_all(0) == b""


async def test_answer_beyond_the_limit_is_left_where_it_is() -> None:
    response = Pieces(b"ab", b"c", b"d")
    with pytest.raises(RelayError) as caught:
        await response.read_all(2)
    assert caught.value.failure.kind is FailureKind.UPSTREAM_BAD_REPLY
    assert response.is_aborted
    assert await response.read() == b"d"


def test_first_header_of_a_name_counts() -> None:
    headers = [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]
    assert find_header(headers, b"a") == b"1"
    assert find_header(headers, b"c") is None


async def test_pieces_that_are_read_can_be_pumped_too() -> None:
    taken: list[bytes] = []

    def take_two(data: bytes) -> bool:
        taken.append(data)
        return len(taken) != 2

    response = Pieces(b"ab", b"c", b"d")
    assert await response.pump(take_two) is False
    assert await response.pump(take_two) is True
    assert taken == [b"ab", b"c", b"d"]
