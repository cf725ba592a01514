from __future__ import annotations

import asyncio
import socket
import ssl
import time
from functools import partial
from pathlib import Path

import pytest

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.upstream.addresses import Address, Resolver
from headgate.upstream.connection import Connection
from headgate.upstream.dial import Dialer
from headgate.upstream.http1 import Origin, parse_url
from tests.upstream.certificates import Certificate, self_signed
from tests.upstream.test_connection import Shelf
from tests.upstream.upstreams import Peer, saying, silent, upstream

K = FailureKind


async def dialed(
    origin: Origin,
    connect_s: float = 2,
    *,
    tls: ssl.SSLContext | None = None,
    resolver: Resolver | None = None,
) -> Connection:
    make = partial(Connection, asyncio.get_running_loop(), Shelf())
    return await Dialer(resolver or Resolver(), tls).dial(origin, connect_s, make)


async def refusal(
    origin: Origin,
    connect_s: float = 2,
    *,
    tls: ssl.SSLContext | None = None,
    resolver: Resolver | None = None,
) -> Failure:
    with pytest.raises(RelayError) as caught:
        await dialed(origin, connect_s, tls=tls, resolver=resolver)
    return caught.value.failure


def leading_to(*ports: int) -> Resolver:
    """Every name leads to these ports of loopback."""

    async def look_up(host: str, port: int) -> list[Address]:
        return [Address(socket.AF_INET, ("127.0.0.1", port)) for port in ports]

    return Resolver(look_up)


async def test_connection_is_made() -> None:
    async with upstream(silent, reads_requests=False) as server:
        connection = await dialed(parse_url(server.url)[0])
        assert connection.is_usable
        connection.abort()


async def test_closed_port_is_unreachable() -> None:  # F-U1
    async with upstream(silent) as server:
        origin, _ = parse_url(server.url)
    failure = await refusal(origin)
    assert (failure.kind, failure.message) == (
        K.UPSTREAM_UNREACHABLE,
        "Unable to connect to service",
    )


async def test_black_hole_is_left_at_the_connect_bound() -> None:  # F-U4
    # A full backlog drops further connections without a word.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(address)
            await asyncio.sleep(0.05)
            start_s = time.monotonic()
            failure = await refusal(Origin("http", "127.0.0.1", address[1]), 0.2)
            assert 0.19 <= time.monotonic() - start_s <= 0.3
            assert (failure.kind, failure.http_status, failure.message) == (
                K.UPSTREAM_TIMEOUT,
                504,
                "Connection timed out",
            )
        finally:
            for filler in fillers:
                filler.close()


async def test_addresses_are_tried_in_turn() -> None:
    async with upstream(silent) as closed:
        dead_port = parse_url(closed.url)[0].port
    async with upstream(silent, reads_requests=False) as server:
        live_port = parse_url(server.url)[0].port
        resolver = leading_to(dead_port, live_port)
        (await dialed(Origin("http", "both.example", 80), resolver=resolver)).abort()
        first, _ = await resolver.resolve("both.example", 80)
        assert first.endpoint == ("127.0.0.1", live_port)


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "[fd00:ec2::254]"])
async def test_metadata_service_is_never_connected_to(host: str) -> None:  # S-42
    origin, _ = parse_url(f"http://{host}/latest/meta-data/")
    assert (await refusal(origin)).code == "address_not_allowed"


async def test_cancelled_dial_leaves_no_socket() -> None:
    async with upstream(silent, reads_requests=False) as server:
        origin = parse_url(server.url)[0]._replace(scheme="https")
        dialing = asyncio.create_task(dialed(origin, tls=ssl.create_default_context()))
        await asyncio.sleep(0.05)
        assert server.open == 1
        dialing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialing
        await server.until_nobody_is_left()


# ---------------------------------------------------------------------------- TLS, F-U3


async def test_trusted_certificate_is_accepted(certificate: Certificate) -> None:
    async with upstream(silent, tls=certificate.server(), reads_requests=False) as server:
        connection = await dialed(parse_url(server.url)[0], tls=certificate.client())
        assert connection.is_usable
        connection.abort()


async def tls_failure(served: Certificate, trusted: ssl.SSLContext) -> Failure:
    """The failure, which also must not have led to a second, plain connection."""
    async with upstream(saying(b""), tls=served.server()) as server:
        failure = await refusal(parse_url(server.url)[0], tls=trusted)
        assert server.connections == 0
    assert (failure.kind, failure.http_status) == (K.UPSTREAM_UNREACHABLE, 503)
    assert failure.code == "upstream_tls_error"
    return failure


@pytest.mark.filterwarnings("ignore:unclosed")
async def test_unknown_issuer_is_refused(certificate: Certificate) -> None:
    failure = await tls_failure(certificate, ssl.create_default_context())
    assert "self-signed certificate" in failure.message


async def test_wrong_name_is_refused(tmp_path: Path) -> None:
    other = self_signed(tmp_path, "other.example")
    assert "not valid for" in (await tls_failure(other, other.client())).message


async def test_expired_certificate_is_refused(tmp_path: Path) -> None:
    expired = self_signed(tmp_path, "127.0.0.1", years=(2020, 2021))
    assert "has expired" in (await tls_failure(expired, expired.client())).message


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_old_protocol_is_refused(certificate: Certificate) -> None:
    old = certificate.server()
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with upstream(silent, tls=old, reads_requests=False) as server:
        failure = await refusal(parse_url(server.url)[0], tls=certificate.client())
        assert failure.code == "upstream_tls_error"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_server_that_speaks_no_tls_is_never_spoken_to_in_plain(
    answer: bytes, certificate: Certificate
) -> None:
    heard = bytearray()

    async def behave(peer: Peer) -> None:
        heard.extend(await peer.reader.read(100))
        await peer.send(answer)
        peer.close()

    async with upstream(behave, reads_requests=False) as server:
        origin = parse_url(server.url)[0]._replace(scheme="https")
        failure = await refusal(origin, tls=certificate.client())
        assert failure.code == "upstream_tls_error"
        assert heard[0] == 0x16  # a TLS handshake record
        assert server.connections == 1
