"""What a handler gets."""

from __future__ import annotations

from headgate.edge.request import Request
from headgate.edge.responder import Responder
from tests.edge.wire import TEXT, get, post, serving


async def test_everything_of_the_request_is_there() -> None:
    seen: list[Request] = []

    async def look(request: Request, responder: Responder) -> None:
        seen.append(request)
        responder.answer(200, [TEXT], b"")

    async with serving(post("/v1/{name}", look)) as place:
        await place.ask(
            b"POST /v1/a%20b?c=%20d HTTP/1.1\r\nHost: h\r\nX-Two: 1\r\nx-two: 2\r\n"
            b"X-Request-Id: r\r\nContent-Length: 2\r\n\r\nhi"
        )
    (request,) = seen
    assert (request.method, request.path, request.query) == ("POST", "/v1/a%20b", "c=%20d")
    assert request.params == {"name": "a b"}
    assert request.headers == [
        (b"host", b"h"),
        (b"x-two", b"1"),
        (b"x-two", b"2"),
        (b"x-request-id", b"r"),
        (b"content-length", b"2"),
    ]
    assert request.header(b"x-two") == b"1"
    assert request.header(b"none") is None
    assert (request.client_ip, request.body, request.request_id) == ("127.0.0.1", b"hi", "r")
    assert request.received_s > 0


async def test_header_without_a_value_is_an_empty_one() -> None:
    seen: list[bytes | None] = []

    async def look(request: Request, responder: Responder) -> None:
        seen.append(request.header(b"x-empty"))
        responder.answer(200, [TEXT], b"")

    async with serving(get("/", look)) as place:
        await place.ask(b"GET / HTTP/1.1\r\nX-Empty:\r\nHost: h\r\n\r\n")
    assert seen == [b""]
