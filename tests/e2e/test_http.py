"""What callers may send, and what a browser or a load balancer asks, at the real gateway."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
import zstandard

from headgate.edge.limits import KIB, MIB, Limits
from tests.e2e.callers import calling, config, question
from tests.e2e.harness import KEY, Bench, Gate, Reply
from tests.edge.wire import Answer

CHAT = "/v1/chat/completions"
LIMIT_BYTES = 256 * KIB
BODY = b'{"model": "ok1", "messages": [{"role": "user", "content": "%s"}]}'

Pack = Callable[[bytes], bytes]
PACKED: list[tuple[str, Pack]] = [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("zstd", zstandard.compress),
]


async def gateway(bench: Bench) -> Gate:
    """A gateway that takes small bodies only."""
    return await bench.gateway(config(["ok1"]), limits=Limits(body_bytes=LIMIT_BYTES))


async def raw(gate: Gate, method: str, path: str, **headers: str) -> Answer:
    """Ask without a body and without a key."""
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    async with calling(gate.url) as caller:
        await caller.send(f"{method} {path} HTTP/1.1\r\nHost: gate\r\n{fields}\r\n".encode())
        return await caller.answer(to_head=method == "HEAD")


def assert_refused(reply: Reply, status: int, words: str) -> None:
    """A refusal is an OpenAI error in JSON, with the request's id."""
    assert (reply.status, reply.headers["content-type"]) == (status, "application/json")
    assert words in reply.error
    assert reply.json["error"]["request_id"] == reply.headers["x-request-id"]


# ---------------------------------------------------------------- bodies


async def test_a_body_beyond_the_limit_is_413(bench: Bench) -> None:
    gate = await gateway(bench)
    fits = await gate.post(CHAT, BODY % (b"x" * (LIMIT_BYTES - 100)))
    assert fits.status == 200
    reply = await gate.post(CHAT, BODY % (b"x" * LIMIT_BYTES))
    assert_refused(reply, 413, "larger than the limit of 262,144 bytes")
    assert len(bench.places) == 1


async def test_a_chunked_body_beyond_the_limit_is_413_too(bench: Bench) -> None:
    gate = await gateway(bench)
    head, _, body = question("ok1", text="x" * LIMIT_BYTES).partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    chunked = b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", b""])
    async with calling(gate.url) as caller:
        await caller.send(chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        assert (await caller.answer()).status == 413


@pytest.mark.parametrize(("coding", "pack"), PACKED)
async def test_packed_bodies_are_understood(bench: Bench, coding: str, pack: Pack) -> None:
    gate = await gateway(bench)
    reply = await gate.post(CHAT, pack(BODY % b"Hi"), headers={"content-encoding": coding})
    assert reply.status == 200
    assert bench.last.json["messages"][0]["content"] == "Hi"
    assert "content-encoding" not in bench.last.headers


@pytest.mark.parametrize(("coding", "pack"), PACKED)
async def test_packed_bodies_are_bounded_by_what_they_hold(
    bench: Bench, coding: str, pack: Pack
) -> None:
    gate = await gateway(bench)
    bomb = pack(BODY % (b"x" * (32 * MIB)))
    assert len(bomb) < LIMIT_BYTES
    reply = await gate.post(CHAT, bomb, headers={"content-encoding": coding})
    assert_refused(reply, 413, "larger than the limit")


@pytest.mark.parametrize(
    ("coding", "body", "status", "words"),
    [
        ("br", b"x", 415, "Use one of gzip, deflate, zstd"),
        ("gzip, gzip", b"x", 415, "Use one of gzip, deflate, zstd"),
        ("gzip", BODY, 400, "The gzip body cannot be unpacked"),
        ("gzip", gzip.compress(BODY)[:-5], 400, "it ends too early"),
        ("zstd", BODY, 400, "The zstd body cannot be unpacked"),
    ],
)
async def test_what_cannot_be_unpacked_is_told(
    bench: Bench, coding: str, body: bytes, status: int, words: str
) -> None:
    gate = await gateway(bench)
    reply = await gate.post(CHAT, body, headers={"content-encoding": coding})
    assert_refused(reply, status, words)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b'{"model": "ok1",', "at line 1 column 17 (byte 16)"),
        (b'{"model": "ok1", "x": "\xff"}', "not UTF-8: invalid start byte at line 1 column 24"),
        (b'{"model": "ok1", "x": ' + b"[" * 500 + b"]" * 500 + b"}", "more than 128 levels deep"),
        (b"[" * 100_000, "must be a JSON object"),
        (b'{"model": "a", "model": "ok1"}', "Duplicate key `model`"),
        (b'{"messages": []}', "`model` is required"),
        (b'"ok1"', "must be a JSON object"),
    ],
)
async def test_what_is_no_request_is_told_with_its_place(
    bench: Bench, body: bytes, words: str
) -> None:
    gate = await gateway(bench)
    assert_refused(await gate.post(CHAT, body), 400, words)
    assert bench.places == []


# ---------------------------------------------------------------- browsers and balancers


async def test_a_browsers_client_may_ask_from_anywhere(bench: Bench) -> None:
    gate = await gateway(bench)
    asked = "authorization,content-type,x-stainless-os"
    preflight = await raw(
        gate,
        "OPTIONS",
        CHAT,
        Origin="https://app.example",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers=asked,
    )
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-allow-headers"] == asked
    browser = {"origin": "https://app.example"}
    for key, status in ((KEY, 200), ("sk-wrong", 401)):
        for stream in (b"true", b"false"):
            body = (BODY % b"Hi").replace(b"{", b'{"stream": ' + stream + b", ", 1)
            reply = await gate.post(CHAT, body, key, browser)
            assert (reply.status, reply.headers["access-control-allow-origin"]) == (status, "*")


@pytest.mark.parametrize("path", ["/", "/healthz", "/health", "/readyz"])
async def test_who_lives_is_told_without_a_key(bench: Bench, path: str) -> None:
    gate = await gateway(bench)
    whole, head = await raw(gate, "GET", path), await raw(gate, "HEAD", path)
    assert (whole.status, head.status) == (200, 200)
    assert int(head.headers["content-length"]) == len(whole.body)


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v1/nothing", 404, b"There is nothing at /v1/nothing"),
        ("POST", "/v1/chat", 404, b"There is nothing at /v1/chat"),
        ("GET", "/favicon.ico", 404, b"There is nothing at /favicon.ico"),
        ("GET", CHAT, 405, b"Allowed: POST, OPTIONS"),
        ("DELETE", "/v1/models", 405, b"Allowed: GET, HEAD, OPTIONS"),
        ("GET", "//v1/models", 400, b"can be read in more than one way"),
        ("GET", "/v1/models", 401, b"key"),
    ],
)
async def test_what_is_not_there_is_told_in_json(
    bench: Bench, method: str, path: str, status: int, words: bytes
) -> None:
    gate = await gateway(bench)
    answer = await raw(gate, method, path)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert words in answer.body
    assert answer.headers["x-request-id"].encode() in answer.body
    assert ("allow" in answer.headers) is (status == 405)
