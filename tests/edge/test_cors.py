"""S-62: any page may use a key it has, and none gets a cookie along."""

from __future__ import annotations

from tests.edge.wire import echo, get, post, request, serving

PREFLIGHT = (
    "Origin: https://chat.example\r\n"
    "Access-Control-Request-Method: POST\r\n"
    "Access-Control-Request-Headers: authorization,content-type,x-stainless-lang\r\n"
)


async def test_preflight_allows_every_header_that_is_asked_for() -> None:
    async with serving(post("/v1/chat", echo)) as place:
        answer = await place.ask(request("OPTIONS", "/v1/chat", headers=PREFLIGHT))
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "POST, OPTIONS"
    assert answer.headers["access-control-allow-headers"] == (
        "authorization,content-type,x-stainless-lang"
    )
    assert answer.headers["access-control-max-age"] == "86400"
    assert "access-control-allow-credentials" not in answer.headers


async def test_preflight_works_for_paths_with_parameters() -> None:
    async with serving(get("/v1/models/{id}", echo)) as place:
        answer = await place.ask(request("OPTIONS", "/v1/models/x", headers=PREFLIGHT))
    assert answer.status == 204


async def test_preflight_that_asks_for_no_header_names_none() -> None:
    async with serving() as place:
        answer = await place.ask(request("OPTIONS"))
    assert answer.status == 204
    assert "access-control-allow-headers" not in answer.headers


async def test_refusals_can_be_read_by_a_page_too() -> None:
    async with serving() as place:
        answer = await place.ask(b"GET /echo HTTP/1.1\r\n\r\n")
    assert answer.status == 400
    assert answer.headers["access-control-allow-origin"] == "*"
