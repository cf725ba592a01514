from __future__ import annotations

import asyncio
import gzip
import random
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.upstream.decoding import (
    MOST_UNPACKED_BYTES,
    Decoder,
    DecodingError,
    ZlibDecoder,
    ZstdDecoder,
)
from tests.upstream.upstreams import (
    CHUNKED,
    LIMIT_BYTES,
    TIMEOUTS,
    Peer,
    body_of,
    client,
    failure_of,
    post,
    saying,
    upstream,
)

K = FailureKind


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


PACKERS: dict[str, tuple[Callable[[bytes], bytes], Callable[[], Decoder]]] = {
    "gzip": (gzip.compress, ZlibDecoder),
    "zlib": (zlib.compress, ZlibDecoder),
    "deflate": (bare_deflate, ZlibDecoder),
    "zstd": (zstd, ZstdDecoder),
}
packings = st.sampled_from(sorted(PACKERS))


def decoded_in(decoder: Decoder, data: bytes, size: int) -> bytes:
    return b"".join(
        decoder.decode(data[start : start + size]) for start in range(0, len(data), size)
    )


@given(packings, st.binary(max_size=5000), st.integers(1, 600))
def test_any_split_unpacks_to_the_same(name: str, data: bytes, size: int) -> None:
    pack, decoder = PACKERS[name]
    unpacking = decoder()
    assert decoded_in(unpacking, pack(data), size) == data
    assert unpacking.is_whole


@given(packings, st.binary(min_size=1, max_size=300), st.data())
def test_packed_data_that_stops_early_is_not_whole(
    name: str, data: bytes, draws: st.DataObject
) -> None:
    pack, decoder = PACKERS[name]
    packed = pack(data)
    unpacking = decoder()
    unpacking.decode(packed[: draws.draw(st.integers(0, len(packed) - 1))])
    assert not unpacking.is_whole


@given(packings, st.binary(min_size=1, max_size=300))
def test_what_is_not_packed_is_found_out_or_never_whole(name: str, data: bytes) -> None:
    _, decoder = PACKERS[name]
    unpacking = decoder()
    try:
        unpacking.decode(b"\xff" + data)
    except DecodingError:
        return
    assert not unpacking.is_whole


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_several_members_are_one_body(name: str) -> None:
    pack, decoder = PACKERS[name]
    assert decoded_in(decoder(), pack(b"ab") + pack(b"cd"), 7) == b"abcd"


@pytest.mark.parametrize("name", sorted(PACKERS))
def test_what_follows_the_end_is_refused(name: str) -> None:
    pack, decoder = PACKERS[name]
    with pytest.raises(DecodingError):
        decoder().decode(pack(b"ab") + b"garbage")


@pytest.mark.parametrize("name", sorted(PACKERS))
def test_bomb_is_stopped_at_the_bound(name: str) -> None:
    pack, decoder = PACKERS[name]
    bomb = pack(bytes(80 * 1024 * 1024))
    unpacked = 0
    unpacking = decoder()
    with pytest.raises(DecodingError, match="unpacks to more than"):
        for start in range(0, len(bomb), 64):
            unpacked += len(unpacking.decode(bomb[start : start + 64]))
    assert unpacked <= 1024 * 1024


def test_total_is_bounded_for_what_is_packed_honestly() -> None:
    piece = gzip.compress(random.Random(1).randbytes(1024 * 1024), 0)
    unpacking = ZlibDecoder()
    for _ in range(MOST_UNPACKED_BYTES // (1024 * 1024)):
        unpacking.decode(piece)
    with pytest.raises(DecodingError, match="bytes"):
        unpacking.decode(piece)


# ---------------------------------------------------------------------------- as an answer


def answer(coding: bytes, packed: bytes) -> bytes:
    size = b"%d" % len(packed)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: " + coding + b"\r\nContent-Length: " + size
    return head + b"\r\n\r\n" + packed


@pytest.mark.parametrize(
    ("coding", "name"),
    [
        (b"gzip", "gzip"),
        (b"x-gzip", "gzip"),
        (b"Deflate", "zlib"),
        (b"deflate", "deflate"),
        (b"zstd", "zstd"),
    ],
)
async def test_packed_answer_is_read_unpacked(coding: bytes, name: str) -> None:  # F-U27
    body = random.Random(1).randbytes(100_000) + bytes(1_000_000)
    async with upstream(saying(answer(coding, PACKERS[name][0](body)))) as server, client() as pool:
        response = await pool.send(post(server.url), TIMEOUTS)
        assert response.headers == []
        assert await response.read_all(LIMIT_BYTES) == body
        assert await body_of(pool, post(server.url)) == body
        assert server.connections == 1


async def test_packed_stream_is_read_as_it_comes() -> None:
    packer = zlib.compressobj(wbits=31)
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    parts = [packer.compress(b"ab") + packer.flush(zlib.Z_SYNC_FLUSH)]
    parts.append(packer.compress(b"cd") + packer.flush())
    chunks = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]
    was_read = asyncio.Event()

    async def behave(peer: Peer) -> None:
        await peer.send(head + chunks[0])
        await was_read.wait()
        await peer.send(chunks[1], b"0\r\n\r\n")

    async with upstream(behave) as server, client() as pool:
        response = await pool.send(post(server.url), TIMEOUTS)
        assert await response.read() == b"ab"
        was_read.set()
        assert [await response.read() for _ in range(3)] == [b"cd", b"", b""]


async def test_failure_to_unpack_is_told_as_often_as_asked() -> None:
    packed = gzip.compress(b"ab") + b"garbage"
    async with upstream(saying(answer(b"gzip", packed))) as server, client() as pool:
        response = await pool.send(post(server.url), TIMEOUTS)
        for _ in range(2):
            with pytest.raises(RelayError) as caught:
                await response.read()
            assert caught.value.failure.kind is K.UPSTREAM_BAD_REPLY


async def test_empty_answer_needs_no_packing() -> None:
    async with upstream(saying(answer(b"gzip", b""))) as server, client() as pool:
        assert await body_of(pool, post(server.url)) == b""


async def test_packed_answer_that_stops_early_is_cut() -> None:
    packed = gzip.compress(b"abc" * 100)[:-1]
    async with upstream(saying(answer(b"gzip", packed))) as server, client() as pool:
        assert (await failure_of(pool, post(server.url))).kind is K.UPSTREAM_INTERRUPTED
        response = await pool.send(post(server.url), TIMEOUTS)
        with pytest.raises(RelayError) as caught:
            await response.read_all(LIMIT_BYTES)
        assert caught.value.failure.kind is K.UPSTREAM_ERROR


@pytest.mark.parametrize("coding", [b"br", b"gzip, gzip", b"gzip"])
async def test_answer_that_cannot_be_unpacked_is_a_bad_reply(coding: bytes) -> None:
    async with upstream(saying(answer(coding, b"not packed"))) as server, client() as pool:
        failure = await failure_of(pool, post(server.url))
        assert failure.kind is K.UPSTREAM_BAD_REPLY


async def test_bomb_is_a_bad_reply() -> None:
    bomb = gzip.compress(bytes(80 * 1024 * 1024))
    async with upstream(saying(answer(b"gzip", bomb))) as server, client() as pool:
        response = await pool.send(post(server.url), TIMEOUTS)
        with pytest.raises(RelayError) as caught:
            await response.read_all(1024 * 1024 * 1024)
        assert caught.value.failure.kind is K.UPSTREAM_BAD_REPLY


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 131_072, 131_073, 131_400])
@pytest.mark.parametrize("name", ["gzip", "zlib", "deflate"])
def test_nothing_is_held_back_at_the_end_of_a_full_step(name: str, size: int) -> None:
    pack, make = PACKERS[name]
    decoder = make()
    assert decoder.decode(pack(b"a" * size)) == b"a" * size
    assert decoder.is_whole
