"""The client over real sockets, against upstreams that misbehave (reliability.md 2.2, F-U)."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.snapshot.facts import Timeouts
from headgate.upstream.client_pool import ClientPool
from tests.upstream.certificates import Certificate
from tests.upstream.upstreams import (
    CHUNKED,
    LIMIT_BYTES,
    OK,
    TIMEOUTS,
    Peer,
    body_of,
    client,
    failure_of,
    post,
    saying,
    silent,
    upstream,
)

K = FailureKind
CLOSED = "Connection closed unexpectedly"


def timeouts(
    *,
    connect_s: float = 5,
    write_s: float = 5,
    first_byte_s: float = 5,
    idle_s: float = 5,
    total_s: float | None = None,
) -> Timeouts:
    return Timeouts(
        connect_s=connect_s,
        write_s=write_s,
        first_byte_s=first_byte_s,
        idle_s=idle_s,
        total_s=total_s,
    )


# ---------------------------------------------------------------------------- the good days


async def test_request_is_written_as_http_wants_it() -> None:
    async with upstream(saying(OK)) as server, client() as pool:
        request = post(f"{server.url}/v1/chat?x=1", b'{"a":1}', [("X-Key", b"k")])
        assert await body_of(pool, request) == b"ok"
        host = server.url.removeprefix("http://")
        assert server.requests == [
            (
                f"POST /v1/chat?x=1 HTTP/1.1\r\nhost: {host}\r\nx-key: k\r\n"
                'accept-encoding: identity\r\ncontent-length: 7\r\n\r\n{"a":1}'
            ).encode()
        ]


async def test_head_is_handed_over_with_lower_case_names() -> None:
    answer = b"HTTP/1.1 429 No\r\nRetry-After: 3\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n"
    async with upstream(saying(answer)) as server, client() as pool:
        response = await pool.send(post(server.url), TIMEOUTS)
        assert response.status == 429
        assert response.headers == [
            (b"retry-after", b"3"),
            (b"x-empty", b""),
            (b"content-length", b"0"),
        ]
        assert response.header(b"retry-after") == b"3"
        assert response.header(b"x-absent") is None
        assert await response.read() == b""


async def test_connection_is_used_again() -> None:
    async with upstream(saying(OK)) as server, client() as pool:
        for _ in range(5):
            assert await body_of(pool, post(server.url)) == b"ok"
        assert (server.connections, len(server.requests), pool.open_connections) == (1, 5, 1)


async def test_connection_used_last_is_used_first() -> None:
    async with upstream(saying(OK)) as server, client() as pool:
        both = [await pool.send(post(server.url), TIMEOUTS) for _ in range(2)]
        for response in both:
            assert await response.read_all(LIMIT_BYTES) == b"ok"
        assert pool.open_connections == 2
        for _ in range(3):
            await body_of(pool, post(server.url))
        assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (CHUNKED + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: 1\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", b"abcde"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)
async def test_every_framing_ends_cleanly_and_keeps_the_connection(
    answer: bytes, body: bytes
) -> None:
    async with upstream(saying(answer)) as server, client() as pool:
        for _ in range(2):
            assert await body_of(pool, post(server.url)) == body
        assert server.connections == 1


async def test_answer_to_head_has_no_body() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    async with upstream(saying(answer)) as server, client() as pool:
        assert await body_of(pool, post(server.url, b"", method="HEAD")) == b""
        assert server.requests[0].endswith(b"accept-encoding: identity\r\n\r\n")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"])
async def test_body_without_a_length_ends_with_the_connection(head: bytes) -> None:
    async with upstream(saying(head, b"abc", b"de", then_close=True)) as server, client() as pool:
        assert await body_of(pool, post(server.url)) == b"abcde"
        await server.until_nobody_is_left()
        await asyncio.sleep(0.01)
        assert pool.open_connections == 0


async def test_connection_is_not_kept_when_the_upstream_says_close() -> None:
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    async with upstream(saying(answer)) as server, client() as pool:
        for _ in range(2):
            assert await body_of(pool, post(server.url)) == b"ok"
        assert server.connections == 2


async def test_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 4 * 8192  # 8 MiB
    async with upstream(saying(OK)) as server, client() as pool:
        for _ in range(2):
            assert await body_of(pool, post(server.url, body)) == b"ok"
        assert server.connections == 1
        assert all(request.endswith(b"\r\n\r\n" + body) for request in server.requests)


async def test_answer_that_was_not_wanted_gives_its_connection_back() -> None:
    async with upstream(saying(OK)) as server, client() as pool:
        (await pool.send(post(server.url), TIMEOUTS)).release()
        assert await body_of(pool, post(server.url)) == b"ok"
        assert server.connections == 1


async def test_read_gives_the_end_as_often_as_asked() -> None:
    async with upstream(saying(OK)) as server, client() as pool:
        response = await pool.send(post(server.url), TIMEOUTS)
        assert [await response.read() for _ in range(3)] == [b"ok", b"", b""]
        response.abort()
        assert pool.open_connections == 1


# ---------------------------------------------------------------------------- connecting


async def test_refused_connection_is_unreachable() -> None:  # F-U1
    async with upstream(silent) as server:
        url = server.url
    async with client() as pool:
        failure = await failure_of(pool, post(url))
        assert (failure.kind, failure.http_status) == (K.UPSTREAM_UNREACHABLE, 503)
        assert failure.message == "Unable to connect to service"


async def test_tls_is_checked_and_used(certificate: Certificate) -> None:
    async with (
        upstream(saying(OK), tls=certificate.server()) as server,
        client(tls=certificate.client()) as pool,
    ):
        for _ in range(2):
            assert await body_of(pool, post(server.url, b"x" * 1_000_000)) == b"ok"
        assert server.connections == 1


# ---------------------------------------------------------------------------- bounds


async def test_hanging_upstream_is_left_at_the_first_byte_bound() -> None:  # F-U5
    async with upstream(silent) as server, client() as pool:
        start_s = time.monotonic()
        failure = await failure_of(pool, post(server.url), timeouts(first_byte_s=0.2))
        assert 0.19 <= time.monotonic() - start_s <= 0.35
        assert (failure.kind, failure.http_status) == (K.UPSTREAM_TIMEOUT, 504)
        assert failure.message == "Request timed out after 0.2 seconds"
        await server.until_nobody_is_left()


async def test_silence_after_the_head_may_be_tried_elsewhere() -> None:  # F-U6
    async def behave(peer: Peer) -> None:
        await peer.send(CHUNKED)
        await silent(peer)

    async with upstream(behave) as server, client() as pool:
        failure = await failure_of(pool, post(server.url), timeouts(first_byte_s=0.1))
        assert (failure.kind, failure.http_status) == (K.UPSTREAM_TIMEOUT, 504)


async def test_stall_in_the_body_is_an_interruption() -> None:  # F-U7
    async def behave(peer: Peer) -> None:
        await peer.send(CHUNKED + b"2\r\nab\r\n")
        await silent(peer)

    async with upstream(behave) as server, client() as pool:
        response = await pool.send(post(server.url), timeouts(idle_s=0.2))
        assert await response.read() == b"ab"
        start_s = time.monotonic()
        with pytest.raises(RelayError) as caught:
            await response.read()
        assert 0.19 <= time.monotonic() - start_s <= 0.35
        assert caught.value.failure.kind is K.UPSTREAM_INTERRUPTED
        assert caught.value.failure.message == "Request timed out after 0.2 seconds"
        with pytest.raises(RelayError):
            await response.read()
        await server.until_nobody_is_left()


async def test_drip_beats_the_idle_bound_but_not_the_total() -> None:  # F-U31
    async def behave(peer: Peer) -> None:
        await peer.send(CHUNKED)
        while not peer.writer.is_closing():
            await peer.send(b"1\r\nx\r\n")
            await asyncio.sleep(0.02)

    async with upstream(behave) as server, client() as pool:
        start_s = time.monotonic()
        failure = await failure_of(pool, post(server.url), timeouts(idle_s=0.2, total_s=0.4))
        assert 0.39 <= time.monotonic() - start_s <= 0.5
        assert failure.kind is K.UPSTREAM_INTERRUPTED
        assert failure.message == "Request timed out after 0.4 seconds"


async def test_total_bound_holds_before_the_head_too() -> None:
    async with upstream(silent) as server, client() as pool:
        failure = await failure_of(pool, post(server.url), timeouts(total_s=0.1))
        assert (failure.kind, failure.http_status) == (K.UPSTREAM_TIMEOUT, 504)
        assert failure.message == "Request timed out after 0.1 seconds"


async def test_short_bound_holds_on_a_connection_that_had_a_long_one() -> None:
    asked = 0

    async def behave(peer: Peer) -> None:
        nonlocal asked
        asked += 1
        await (peer.send(OK) if asked == 1 else silent(peer))

    async with upstream(behave) as server, client() as pool:
        await body_of(pool, post(server.url), timeouts(first_byte_s=60))
        start_s = time.monotonic()
        failure = await failure_of(pool, post(server.url), timeouts(first_byte_s=0.1))
        assert time.monotonic() - start_s <= 0.2
        assert failure.message == "Request timed out after 0.1 seconds"
        assert server.connections == 1


async def test_upload_that_nobody_takes_is_left_at_the_write_bound() -> None:
    is_over = asyncio.Event()

    async def behave(peer: Peer) -> None:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # typed as WriteTransport
        await is_over.wait()
        peer.reset()

    async with upstream(behave, reads_requests=False) as server, client() as pool:
        start_s = time.monotonic()
        failure = await failure_of(pool, post(server.url, bytes(32_000_000)), timeouts(write_s=0.2))
        is_over.set()
        assert time.monotonic() - start_s <= 0.5
        assert (failure.kind, failure.http_status) == (K.UPSTREAM_TIMEOUT, 504)
        assert failure.message == "Request timed out after 0.2 seconds"


async def test_slow_reader_is_not_the_upstreams_silence() -> None:
    async def behave(peer: Peer) -> None:
        await peer.send(CHUNKED + b"2\r\nab\r\n")
        await asyncio.sleep(0.3)
        await peer.send(b"2\r\ncd\r\n0\r\n\r\n")

    async with upstream(behave) as server, client() as pool:
        response = await pool.send(post(server.url), timeouts(idle_s=0.2))
        assert await response.read() == b"ab"
        await asyncio.sleep(0.25)
        assert [await response.read(), await response.read()] == [b"cd", b""]


# ---------------------------------------------------------------------------- broken answers


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        CHUNKED,
        CHUNKED + b"5\r\n",
    ],
)
@pytest.mark.parametrize("with_reset", [False, True])
async def test_cut_before_the_body_may_be_tried_elsewhere(answer: bytes, with_reset: bool) -> None:
    async def behave(peer: Peer) -> None:
        await peer.send(answer)
        if with_reset:
            peer.reset()
        peer.close()

    async with upstream(behave) as server, client() as pool:
        failure = await failure_of(pool, post(server.url))
        assert (failure.kind, failure.http_status) == (K.UPSTREAM_ERROR, 502)
        assert failure.message == CLOSED
        assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd",  # short
        CHUNKED + b"2\r\nab\r\n",  # no terminator
        CHUNKED + b"2\r\nab\r\n0\r\n",  # half a terminator
        CHUNKED + b"5\r\nab",
    ],
)
async def test_cut_in_the_body_is_never_a_clean_end(answer: bytes) -> None:  # F-U8
    async with upstream(saying(answer, then_close=True)) as server, client() as pool:
        response = await pool.send(post(server.url), TIMEOUTS)
        assert await response.read() in (b"ab", b"abcd")
        for _ in range(2):
            with pytest.raises(RelayError) as caught:
                await response.read()
            assert caught.value.failure.kind is K.UPSTREAM_INTERRUPTED
            assert caught.value.failure.message == CLOSED


async def test_cut_in_a_body_that_is_read_whole_may_be_tried_elsewhere() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    async with upstream(saying(answer, b"ab", b"cd", then_close=True)) as server, client() as pool:
        response = await pool.send(post(server.url), TIMEOUTS)
        with pytest.raises(RelayError) as caught:
            await response.read_all(LIMIT_BYTES)
        assert caught.value.failure.kind is K.UPSTREAM_ERROR


@pytest.mark.parametrize("says_goodbye", [True, False])
async def test_tls_that_ends_without_goodbye_is_a_cut(
    says_goodbye: bool, certificate: Certificate
) -> None:  # F-U8
    async def behave(peer: Peer) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = certificate.server().wrap_bio(incoming, outgoing, server_side=True)

        async def until_done(step: Callable[[], object]) -> None:
            while True:
                try:
                    step()
                except ssl.SSLWantReadError:
                    await peer.send(outgoing.read())
                    incoming.write(await peer.reader.read(65536))
                else:
                    return

        await until_done(tls.do_handshake)
        await until_done(partial(tls.read, 65536))
        tls.write(b"HTTP/1.1 200 OK\r\n\r\nabc")
        if says_goodbye:
            with suppress(ssl.SSLWantReadError):
                tls.unwrap()
        await peer.send(outgoing.read())
        peer.close()

    async with (
        upstream(behave, reads_requests=False) as server,
        client(tls=certificate.client()) as pool,
    ):
        response = await pool.send(post(server.url.replace("http:", "https:")), TIMEOUTS)
        assert await response.read() == b"abc"
        if says_goodbye:
            assert await response.read() == b""
        else:
            with pytest.raises(RelayError) as caught:
                await response.read()
            assert caught.value.failure.kind is K.UPSTREAM_INTERRUPTED


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        CHUNKED + b"zz\r\n",
    ],
)
async def test_what_is_not_http_is_a_bad_reply(answer: bytes) -> None:
    async with upstream(saying(answer)) as server, client() as pool:
        failure = await failure_of(pool, post(server.url))
        assert (failure.kind, failure.http_status) == (K.UPSTREAM_BAD_REPLY, 502)
        await server.until_nobody_is_left()


@pytest.mark.parametrize(
    "headers",
    [
        b"".join(b"X-%d: 1\r\n" % n for n in range(201)),  # too many
        b"X: " + b"a" * 70_000 + b"\r\n",  # too large
    ],
)
async def test_headers_are_bounded(headers: bytes) -> None:  # F-U29
    answer = b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: 0\r\n\r\n"
    async with upstream(saying(answer)) as server, client() as pool:
        failure = await failure_of(pool, post(server.url))
        assert failure.kind is K.UPSTREAM_BAD_REPLY
        assert "headers" in failure.message


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"a" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (CHUNKED + b"1;", b"x" * 1000),
        (CHUNKED + b"0\r\n", b"Trailer: " + b"x" * 1000 + b"\r\n"),
    ],
)
async def test_endless_framing_is_bounded(start: bytes, again: bytes) -> None:
    async def behave(peer: Peer) -> None:
        await peer.send(start)
        while not peer.writer.is_closing():
            await peer.send(again * 10)

    async with upstream(behave) as server, client() as pool:
        failure = await failure_of(pool, post(server.url))
        assert failure.kind is K.UPSTREAM_BAD_REPLY


async def test_more_than_the_answer_is_never_the_next_answer() -> None:
    smuggled = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    async with upstream(saying(OK + smuggled)) as server, client() as pool:
        for _ in range(3):
            assert await body_of(pool, post(server.url)) == b"ok"
        assert server.connections == 3


async def test_answer_that_nobody_asked_for_closes_the_idle_connection() -> None:
    async def behave(peer: Peer) -> None:
        await peer.send(OK)
        await asyncio.sleep(0.05)
        await peer.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")

    async with upstream(behave) as server, client() as pool:
        assert await body_of(pool, post(server.url)) == b"ok"
        await server.until_nobody_is_left()
        assert await body_of(pool, post(server.url)) == b"ok"
        assert server.connections == 2


# ---------------------------------------------------------------------------- early answers


@pytest.mark.parametrize("waits_s", [0, 0.1])
async def test_early_refusal_is_used_and_the_upload_stopped(waits_s: float) -> None:  # F-U30
    async def behave(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await asyncio.sleep(waits_s)
        peer.close()

    async with upstream(behave, reads_requests=False) as server, client() as pool:
        response = await pool.send(post(server.url, bytes(50_000_000)), TIMEOUTS)
        assert response.status == 413
        assert await response.read_all(100) == b"big"
        await server.until_nobody_is_left()
        await asyncio.sleep(0.01)
        assert pool.open_connections == 0


# ---------------------------------------------------------------------------- kept connections


async def test_connection_closed_while_idle_is_not_used() -> None:  # F-U28
    async with upstream(saying(OK, then_close=True)) as server, client() as pool:
        for _ in range(3):
            assert await body_of(pool, post(server.url)) == b"ok"
            await asyncio.sleep(0.01)
            assert pool.open_connections == 0
        assert (server.connections, len(server.requests)) == (3, 3)


async def test_close_that_crosses_the_request_is_tried_again_unseen() -> None:  # F-U28
    async def behave(peer: Peer) -> None:
        await peer.send(OK)
        await peer.reader.readexactly(1)  # the next request has begun
        peer.reset()

    async with upstream(behave) as server, client() as pool:
        for _ in range(3):
            assert await body_of(pool, post(server.url)) == b"ok"
        assert (server.connections, len(server.requests)) == (3, 3)


@pytest.mark.asyncio(loop_factories=["uvloop"])  # once: it takes longer than all the others
async def test_request_is_not_repeated_once_the_upstream_may_have_worked_on_it() -> None:
    asked = 0

    async def behave(peer: Peer) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            await peer.send(OK)
        else:
            await asyncio.sleep(1.1)
            peer.close()

    async with upstream(behave) as server, client() as pool:
        await body_of(pool, post(server.url))
        failure = await failure_of(pool, post(server.url))
        assert (failure.kind, failure.message) == (K.UPSTREAM_ERROR, CLOSED)
        assert (server.connections, asked) == (1, 2)


async def test_fresh_connection_that_dies_is_not_tried_again() -> None:
    async with upstream(saying(b"", then_close=True)) as server, client() as pool:
        assert (await failure_of(pool, post(server.url))).kind is K.UPSTREAM_ERROR
        assert server.connections == 1


async def test_idle_connection_is_closed_after_its_time() -> None:
    async with upstream(saying(OK)) as server, client(idle_s=0.1) as pool:
        await body_of(pool, post(server.url))
        assert pool.open_connections == 1
        await asyncio.sleep(0.2)
        assert pool.open_connections == 0
        await server.until_nobody_is_left()
        assert await body_of(pool, post(server.url)) == b"ok"


async def test_no_more_are_kept_than_allowed() -> None:
    async with upstream(saying(OK)) as server, client(max_idle_per_origin=2) as pool:
        responses = [await pool.send(post(server.url), TIMEOUTS) for _ in range(5)]
        for response in responses:
            await response.read_all(LIMIT_BYTES)
        await asyncio.sleep(0.01)
        assert pool.open_connections == 2


async def test_requests_wait_where_connections_are_limited() -> None:
    async with upstream(saying(OK)) as server, client(max_connections_per_origin=2) as pool:
        bodies = await asyncio.gather(*(body_of(pool, post(server.url)) for _ in range(20)))
        assert bodies == [b"ok"] * 20
        assert server.connections == 2


async def test_waiting_for_a_connection_has_a_bound_and_leaves_no_hole() -> None:
    async with upstream(saying(OK)) as server, client(max_connections_per_origin=1) as pool:
        held = await pool.send(post(server.url), TIMEOUTS)
        failure = await failure_of(pool, post(server.url), timeouts(connect_s=0.1))
        assert (failure.kind, failure.http_status) == (K.UPSTREAM_UNREACHABLE, 503)
        waiting = asyncio.create_task(body_of(pool, post(server.url)))
        await asyncio.sleep(0.01)
        held.abort()
        assert await waiting == b"ok"


# ---------------------------------------------------------------------------- hanging up


async def test_cancelled_request_closes_its_socket_at_once() -> None:
    async with upstream(silent) as server, client() as pool:
        task = asyncio.create_task(pool.send(post(server.url), TIMEOUTS))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until_nobody_is_left()
        assert pool.open_connections == 0


async def test_cancelled_read_closes_its_socket_at_once() -> None:
    async def behave(peer: Peer) -> None:
        await peer.send(CHUNKED + b"2\r\nab\r\n")
        await silent(peer)

    async with upstream(behave) as server, client() as pool:
        task = asyncio.create_task(body_of(pool, post(server.url)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until_nobody_is_left()


async def test_aborted_answer_is_no_clean_end() -> None:
    async with upstream(saying(CHUNKED + b"2\r\nab\r\n")) as server, client() as pool:
        response = await pool.send(post(server.url), TIMEOUTS)
        response.abort()
        with pytest.raises(RelayError):
            await response.read()
        await server.until_nobody_is_left()


async def test_closing_the_pool_wakes_who_still_reads() -> None:
    async def behave(peer: Peer) -> None:
        await peer.send(CHUNKED + b"2\r\nab\r\n")
        await silent(peer)

    async with upstream(behave) as server, client() as pool:
        reading = asyncio.create_task(failure_of(pool, post(server.url)))
        await asyncio.sleep(0.05)
        await pool.close()
        assert (await reading).kind is K.UPSTREAM_INTERRUPTED


async def test_a_thousand_random_hang_ups_leave_nothing() -> None:
    random = Random(1)

    async def behave(peer: Peer) -> None:
        await asyncio.sleep(random.random() * 0.01)
        await peer.send(CHUNKED)
        for _ in range(3):
            await peer.send(b"2\r\nab\r\n")
            await asyncio.sleep(random.random() * 0.01)
        await peer.send(b"0\r\n\r\n")

    async def hang_up_some_time(pool: ClientPool, url: str) -> None:
        for _ in range(20):
            try:
                async with asyncio.timeout(random.random() * 0.04):
                    await body_of(pool, post(url))
            except TimeoutError:
                continue

    async with upstream(behave) as server:
        tasks = asyncio.all_tasks()
        async with client() as pool:
            await asyncio.gather(*(hang_up_some_time(pool, server.url) for _ in range(50)))
            await asyncio.sleep(0.05)
            assert pool.open_connections <= 50
            assert server.open == pool.open_connections
        await server.until_nobody_is_left()
        assert len(asyncio.all_tasks() - tasks) == 0


# ---------------------------------------------------------------------------- back pressure


async def test_slow_reader_pauses_the_upstream() -> None:  # F-U32
    sent = 0

    async def behave(peer: Peer) -> None:
        nonlocal sent
        await peer.send(CHUNKED)
        while not peer.writer.is_closing():
            await peer.send(b"10000\r\n" + bytes(65536) + b"\r\n")
            sent += 65536

    async with upstream(behave) as server, client() as pool:
        response = await pool.send(post(server.url), TIMEOUTS)
        await asyncio.sleep(0.2)
        so_far = sent
        assert len(await response.read()) < 1024 * 1024
        await asyncio.sleep(0.1)
        assert so_far < 20 * 1024 * 1024  # what the kernel's buffers take
        for _ in range(200):
            assert await response.read()
        assert sent > so_far
        response.abort()


async def test_body_read_whole_is_bounded() -> None:
    async with upstream(saying(OK)) as server, client() as pool:
        response = await pool.send(post(server.url), TIMEOUTS)
        with pytest.raises(RelayError) as caught:
            await response.read_all(1)
        assert caught.value.failure.kind is K.UPSTREAM_BAD_REPLY


# ---------------------------------------------------------------------------- secrets


async def test_failures_tell_no_url() -> None:
    async with upstream(silent) as server, client() as pool:
        request = post(f"{server.url}/v1?key=sk-secret", b"{}", [("authorization", "sk-secret")])
        failure = await failure_of(pool, request, timeouts(first_byte_s=0.05))
        assert "secret" not in failure.message
        assert "127.0.0.1" not in failure.message


async def test_header_that_http_does_not_allow_is_never_sent() -> None:
    async with upstream(saying(OK)) as server, client() as pool:
        request = post(server.url, b"{}", [("authorization", "sk-secret\r\nX-Evil: 1")])
        failure = await failure_of(pool, request)
        assert failure.kind is K.UPSTREAM_REJECTED
        assert "secret" not in failure.message
        assert server.connections == 0
