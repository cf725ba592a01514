from __future__ import annotations

import asyncio
import ssl

import pytest

from headgate.base.failure import FailureKind
from headgate.snapshot.facts import Timeouts
from tests.upstream.certificates import Certificate
from tests.upstream.proxies import Proxy, listening
from tests.upstream.upstreams import (
    OK,
    body_of,
    client,
    failure_of,
    post,
    saying,
    silent,
    upstream,
)

K = FailureKind
SCHEMES = ["http", "https", "socks5", "socks5h"]


def context(scheme: str, certificate: Certificate) -> ssl.SSLContext | None:
    return certificate.server() if scheme == "https" else None


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_private_origin_is_reached_through_a_tunnel(
    scheme: str, certificate: Certificate
) -> None:
    proxy = Proxy()
    serve = proxy.socks5 if scheme.startswith("socks") else proxy.connect
    async with (
        upstream(saying(OK), tls=certificate.server()) as server,
        listening(serve, context(scheme, certificate)) as address,
        client(tls=certificate.client()) as pool,
    ):
        request = post(server.url, bytes(300_000), proxy=f"{scheme}://u:p%3Aw@{address}")
        for _ in range(2):
            assert await body_of(pool, request) == b"ok"
        assert server.connections == 1
        assert server.requests[0].startswith(b"POST / HTTP/1.1\r\n")
        assert b"proxy" not in server.requests[0]
        assert len(proxy.heard) == (2 if scheme.startswith("socks") else 1)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_plain_origin_is_reached_through_socks(scheme: str) -> None:
    proxy = Proxy()
    async with (
        upstream(saying(OK)) as server,
        listening(proxy.socks5) as address,
        client() as pool,
    ):
        url = server.url.replace("127.0.0.1", "localhost")
        assert await body_of(pool, post(url, proxy=f"{scheme}://{address}")) == b"ok"
        by_name = b"\x03localhost"
        assert (proxy.heard == [by_name]) == (scheme == "socks5h")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_plain_origin_is_asked_for_by_the_proxy_itself(
    scheme: str, certificate: Certificate
) -> None:
    async with (
        upstream(saying(OK), tls=context(scheme, certificate)) as proxy,
        client(tls=certificate.client()) as pool,
    ):
        through = proxy.url.replace("://", "://u:p@")
        request = post("http://origin.example:8080/x?y=1", proxy=through)
        assert await body_of(pool, request) == b"ok"
        assert proxy.requests[0].startswith(
            b"POST http://origin.example:8080/x?y=1 HTTP/1.1\r\nhost: origin.example:8080\r\n"
            b"proxy-authorization: Basic dTpw\r\n"
        )


async def test_tunnel_is_not_asked_for_the_password_of_another() -> None:
    proxy = Proxy()
    async with (
        upstream(saying(OK)) as server,
        listening(proxy.socks5) as address,
        client() as pool,
    ):
        await body_of(pool, post(server.url, proxy=f"socks5://u:p%3Aw@{address}"))
        await body_of(pool, post(server.url, proxy=f"socks5://{address}"))
        await body_of(pool, post(server.url))
        assert server.connections == 3


@pytest.mark.parametrize(
    ("scheme", "answers", "reason"),
    [
        ("http", b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "answered 407"),
        ("http", b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "answered 502"),
        ("http", b"SSH-2.0\r\n\r\n", "does not speak HTTP"),
        ("http", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000, "answers too much"),
        ("http", b"HTTP/1.1 200", "closed the connection"),
        ("socks5h", b"\x04\0", "does not speak SOCKS5"),
        ("socks5h", b"\x05\xff", "wants another way of authentication"),
        ("socks5h", b"\x05\0\x05\x05\0\x01", "connection refused"),
        ("socks5h", b"\x05\0\x05\x63\0\x01", "refused"),
        ("socks5h", b"\x05", "closed the connection"),
    ],
)
async def test_proxy_that_does_not_take_us_there_is_the_fault(
    scheme: str, answers: bytes, reason: str
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answers)
        await writer.drain()
        await asyncio.sleep(0.02)

    async with listening(answer) as address, client() as pool:
        failure = await failure_of(
            pool, post("https://127.0.0.1:9/", proxy=f"{scheme}://{address}")
        )
        assert (failure.kind, failure.http_status) == (K.UPSTREAM_UNREACHABLE, 503)
        assert failure.code == "upstream_proxy_error"
        assert failure.message == f"Unable to connect to service (proxy: {reason})"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "https://127.0.0.1:9/"])
async def test_proxy_that_nobody_runs_is_the_fault(scheme: str, url: str) -> None:
    async with listening(Proxy().socks5) as address:
        pass  # nobody listens there from now on
    async with client() as pool:
        failure = await failure_of(pool, post(url, proxy=f"{scheme}://u:secret@{address}"))
        assert failure.code == "upstream_proxy_error"
        assert failure.message == "Unable to connect to service (proxy: nobody answers there)"


async def test_wrong_password_is_named_and_not_shown() -> None:
    async with listening(Proxy().socks5) as address, client() as pool:
        request = post("http://127.0.0.1:9/", proxy=f"socks5://user:secret@{address}")
        failure = await failure_of(pool, request)
        assert failure.message == "Unable to connect to service (proxy: refused the password)"


async def test_password_that_socks_cannot_carry_is_refused() -> None:
    async with listening(Proxy().socks5) as address, client() as pool:
        request = post("http://127.0.0.1:9/", proxy=f"socks5://user:{'x' * 256}@{address}")
        assert "too long" in (await failure_of(pool, request)).message


async def test_proxy_that_hangs_is_left_at_the_connect_bound() -> None:
    async with upstream(silent, reads_requests=False) as proxy, client() as pool:
        request = post("https://127.0.0.1:9/", proxy=proxy.url)
        failure = await failure_of(pool, request, Timeouts(connect_s=0.1))
        assert (failure.kind, failure.message) == (K.UPSTREAM_TIMEOUT, "Connection timed out")
        await proxy.until_nobody_is_left()


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_metadata_service_is_not_reached_by_proxy_either(scheme: str) -> None:  # S-42
    async with client() as pool:
        for url in ("http://169.254.169.254/", "https://metadata.google.internal/"):
            failure = await failure_of(pool, post(url, proxy=f"{scheme}://127.0.0.1:9"))
            assert failure.code == "address_not_allowed"
