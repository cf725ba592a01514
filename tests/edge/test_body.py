"""A body on its way in: whole, bounded, and unpacked within bounds."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import RelayError
from headgate.edge.body import Budget, Collector, unpacked

MIB = 1 << 20
DATA = b"hello " * 1000


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def small_window(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=9)
    return packer.compress(data) + packer.flush()


def zstd(data: bytes) -> bytes:
    """Without the content's size in the frame: it could lie."""
    return zstandard.ZstdCompressor(write_content_size=False).compress(data)


PACKERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"GZIP": gzip.compress,
    b"deflate": zlib.compress,
    b" deflate ": raw_deflate,
    b"Deflate": small_window,
    b"zstd": zstd,
    b"identity": bytes,
}


class Claims:
    """Adds up what was claimed."""

    def __init__(self) -> None:
        self.total = 0

    def __call__(self, size: int) -> None:
        self.total += size


async def status_of(body: bytes, coding: bytes, limit: int = MIB) -> int:
    with pytest.raises(RelayError) as refused:
        await unpacked(body, coding, limit, Claims())
    return refused.value.failure.http_status


@pytest.mark.parametrize(("coding", "pack"), PACKERS.items())
async def test_every_coding_is_undone(coding: bytes, pack: Callable[[bytes], bytes]) -> None:
    assert await unpacked(pack(DATA), coding, MIB, Claims()) == DATA
    assert await unpacked(pack(DATA), coding, len(DATA), Claims()) == DATA


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"zstd"])
async def test_bomb_is_refused_before_it_goes_off(coding: bytes) -> None:
    """F-C11."""
    claims = Claims()
    with pytest.raises(RelayError) as refused:
        await unpacked(PACKERS[coding](bytes(100 * MIB)), coding, MIB, claims)
    assert refused.value.failure.http_status == 413
    assert claims.total <= MIB


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"zstd"])
async def test_what_is_unpacked_is_claimed(coding: bytes) -> None:
    claims = Claims()
    await unpacked(PACKERS[coding](DATA), coding, MIB, claims)
    assert claims.total == len(DATA)


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"zstd"])
@pytest.mark.parametrize("spoil", ["cut", "followed", "junk", "empty"])
async def test_spoilt_body_is_refused(coding: bytes, spoil: str) -> None:
    packed = PACKERS[coding](DATA)
    spoilt = {"cut": packed[:-3], "followed": packed + b"x", "junk": b"junk" * 9, "empty": b""}
    assert await status_of(spoilt[spoil], coding) == 400


async def test_second_member_is_something_that_follows() -> None:
    assert await status_of(gzip.compress(DATA) * 2, b"gzip") == 400
    assert await status_of(gzip.compress(bytes(5 * MIB)) * 2, b"gzip", 20 * MIB) == 400


@pytest.mark.parametrize(
    "coding", [b"br", b"compress", b"gzip, gzip", b"gzip,identity", b"", b"\xe4"]
)
async def test_unknown_and_nested_codings_are_not_supported(coding: bytes) -> None:
    assert await status_of(DATA, coding) == 415


async def test_zstd_window_is_bounded() -> None:
    """RFC 9659: 8 MiB is what every decoder offers."""
    parameters = zstandard.ZstdCompressionParameters(window_log=24, write_content_size=0)
    packed = zstandard.ZstdCompressor(compression_params=parameters).compress(bytes(32 * MIB))
    assert await status_of(packed, b"zstd", 64 * MIB) == 400


def test_single_piece_is_handed_on_as_it_is() -> None:
    collector = Collector(Budget(0))
    collector.begin(100)
    piece = b"x" * 100
    collector.add(piece)
    assert collector.take() is piece


def test_limit_is_counted_over_all_pieces() -> None:
    collector = Collector(Budget(1000))
    collector.begin(100)
    collector.add(b"x" * 60)
    with pytest.raises(RelayError) as refused:
        collector.add(b"x" * 41)
    assert refused.value.failure.http_status == 413


def test_limit_counts_also_what_somebody_else_keeps() -> None:
    collector = Collector(Budget(0))
    collector.begin(100)
    collector.add(b"x" * 60, keep=False)
    with pytest.raises(RelayError):
        collector.add(b"x" * 60, keep=False)


def test_budget_is_shared_and_given_back() -> None:
    budget = Budget(100)
    first, second = Collector(budget), Collector(budget)
    for collector in (first, second):
        collector.begin(1000)
        collector.add(b"x")
    first.add(b"x" * 80)
    with pytest.raises(RelayError) as refused:
        second.add(b"x" * 80)
    assert refused.value.failure.http_status == 503
    assert refused.value.failure.retry_after_s is not None
    first.release()
    first.release()
    assert budget.free_bytes == 100
    second.begin(1000)
    second.add(b"x")
    second.add(b"x" * 80)
    assert second.take() == b"x" * 81


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=12))
def test_pieces_become_the_body(pieces: list[bytes]) -> None:
    collector = Collector(Budget(10_000))
    for _ in range(2):
        collector.begin(10_000)
        for piece in pieces:
            collector.add(piece)
        assert collector.size == sum(map(len, pieces))
        assert collector.take() == b"".join(pieces)
        collector.release()
