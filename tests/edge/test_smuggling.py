"""F-C19 and F-C20: what two programs could read in two ways is refused, and the connection shut."""

from __future__ import annotations

import pytest

from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.routes import Route
from tests.edge.wire import TEXT, post, serving

# The parser is the same whatever loop feeds it.
pytestmark = pytest.mark.asyncio(loop_factories=["uvloop"])

POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
# Behind the ambiguous message, the request that must never be answered.
HIDDEN = b"POST /hidden HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"

FRAMING = {
    "length and coding": POST
    + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    "coding and length": POST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nab",
    "the same length twice": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    "list of lengths": POST + b"Content-Length: 2, 2\r\n\r\nab",
    "length with a sign": POST + b"Content-Length: +2\r\n\r\nab",
    "negative length": POST + b"Content-Length: -2\r\n\r\nab",
    "hexadecimal length": POST + b"Content-Length: 0x2\r\n\r\nab",
    "empty length": POST + b"Content-Length:\r\n\r\nab",
    "length beyond 64 bit": POST + b"Content-Length: 18446744073709551618\r\n\r\nab",
    "space before the colon": POST + b"Content-Length : 2\r\n\r\nab",
    "another coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding behind chunked": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "coding before chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": POST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding with a space": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "coding with a tab inside": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "quoted coding": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "coding in HTTP/1.0": b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare LF": b"POST /echo HTTP/1.1\nHost: a\nContent-Length: 0\n\n",
    "bare LF in the middle": POST + b"X: y\nContent-Length: 0\r\n\r\n",
    "bare CR": POST + b"X: y\rContent-Length: 0\r\n\r\n",
    "folded header": POST + b"X: y\r\n Content-Length: 5\r\n\r\nabcde",
    "space before the first header": b"POST /echo HTTP/1.1\r\n Host: a\r\n\r\n",
    "NUL in a value": POST + b"X: a\0b\r\n\r\n",
    "space in a name": POST + b"X Y: b\r\n\r\n",
    "empty name": POST + b": b\r\n\r\n",
    "chunk size too large": CHUNKED + b"fffffffffffffffff\r\nab",
    "chunk size with 0x": CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n",
    "chunk size with a sign": CHUNKED + b"-2\r\nab\r\n0\r\n\r\n",
    "space behind the chunk size": CHUNKED + b"2 \r\nab\r\n0\r\n\r\n",
    "bare LF behind the chunk size": CHUNKED + b"2\nab\r\n0\r\n\r\n",
    "bare LF in a chunk extension": CHUNKED + b"2;a\nb\r\nab\r\n0\r\n\r\n",
    "chunk longer than its size": CHUNKED + b"2\r\nabc0\r\n\r\n",
    "unknown version": b"POST /echo HTTP/9.9\r\nHost: a\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /echo\r\n\r\n",
    "version 0.9": b"GET /echo HTTP/0.9\r\nHost: a\r\n\r\n",
    "version 2.0": b"GET /echo HTTP/2.0\r\nHost: a\r\n\r\n",
    "method in lower case": b"get /echo HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "CONNECT": b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "unknown expectation": POST + b"Expect: 200-ok\r\nContent-Length: 2\r\n\r\nab",
    "two keys": POST + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
}


class Counted:
    """Counts the requests that reached a handler."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, request: Request, responder: Responder) -> None:
        self.paths.append(request.path)
        responder.answer(200, [TEXT], b"")


@pytest.mark.parametrize("message", FRAMING.values(), ids=FRAMING.keys())
async def test_ambiguous_message_is_refused_and_nothing_behind_it_is_served(message: bytes) -> None:
    counted = Counted()
    async with serving(post("/hidden", counted)) as place:
        got = await place.exchange(message + HIDDEN)
    assert got.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505"))
    assert got.count(b"HTTP/1.1 ") == 1
    assert b"\r\nconnection: close\r\n" in got
    assert b"\r\nx-request-id: " in got
    assert counted.paths == []


HOSTS = {
    "missing": b"",
    "twice": b"Host: a\r\nHost: a\r\n",
    "empty": b"Host:\r\n",
    "with a path": b"Host: a/public?\r\n",
    "with a query": b"Host: a?b\r\n",
    "with a fragment": b"Host: a#b\r\n",
    "with a user": b"Host: a@b\r\n",
    "with a space": b"Host: a b\r\n",
    "with a backslash": b"Host: a\\b\r\n",
    "list": b"Host: a, b\r\n",
    "with a word as port": b"Host: a:port\r\n",
    "not ASCII": b"Host: \xe4\r\n",
}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS.keys())
async def test_host_that_is_no_host_is_refused(host: bytes) -> None:
    async with serving() as place:
        answer = await place.ask(b"GET /echo HTTP/1.1\r\n" + host + b"\r\n")
    assert answer.status == 400


@pytest.mark.parametrize("host", ["a", "a.b:80", "localhost:8000", "under_score", "[::1]:8000"])
async def test_host_that_is_one_is_taken(host: str) -> None:
    async with serving() as place:
        answer = await place.ask(f"GET /echo HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.status == 200


TARGETS = [
    "http://evil/v1/models",
    "*",
    "//v1/models",
    "/v1//models",
    "/v1/%2e%2e/api",
    "/v1/%2E/models",
    "/v1/../api",
    "/v1/./models",
    "/v1/..",
    "/v1/%252e%252e/api",
    "/v1%2fmodels",
    "/v1/models;x=1",
    "/v1/models%00",
    "/v1/models%0d%0a",
    "/v1/models%5c",
    "/v1\\models",
    "/v1/models%zz",
    "/v1/models#x",
]


@pytest.mark.parametrize("target", TARGETS)
async def test_target_that_is_no_plain_path_is_refused(target: str) -> None:
    counted = Counted()
    routes = [
        Route(methods=("GET",), path=path, handler=counted) for path in ("/v1/models", "/api")
    ]
    async with serving(*routes) as place:
        answer = await place.ask(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert answer.status == 400
    assert counted.paths == []


async def test_upgrade_to_h2c_is_ignored_and_the_body_stays_the_body() -> None:
    """Java's client asks for h2c with its first POST."""
    upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
    body = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
    async with serving() as place:
        caller = await place.call()
        message = (
            f"POST /echo HTTP/1.1\r\nHost: a\r\n{upgrade}Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        first = await caller.ask(message)
        again = await caller.ask(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
    assert first.status == 200
    assert first.body.endswith(body)
    assert again.status == 200


async def test_upgrade_request_may_come_in_two_reads() -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    async with serving() as place:
        caller = await place.call()
        await caller.send(head[:60])
        await caller.send(head[60:] + b"Content-Length: 4\r\n\r\nab")
        answer = await caller.ask(b"cd")
    assert answer.status == 200
    assert answer.body.endswith(b"abcd")


async def test_trailers_are_nobodys_headers() -> None:
    seen: list[list[tuple[bytes, bytes]]] = []

    async def look(request: Request, responder: Responder) -> None:
        seen.append(request.headers)
        responder.answer(200, [TEXT], request.body)

    async with serving(post("/look", look)) as place:
        answer = await place.ask(
            b"POST /look HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2;x=y\r\nab\r\n0\r\nAuthorization: Bearer b\r\n\r\n"
        )
    assert answer.body == b"ab"
    assert all(name != b"authorization" for name, _ in seen[0])
