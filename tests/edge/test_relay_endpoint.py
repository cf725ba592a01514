"""A caller's request to the relay and back: statuses, headers, streams (`uni-api.md` 3.7)."""

import asyncio
from typing import Any

import msgspec
import pytest

from headgate.edge.front_doors import Reader, in_body, whole_in_body
from headgate.edge.relay_endpoint import RelayEndpoint, loss_header
from headgate.ir.loss import Loss
from headgate.providers.provider import Operation
from headgate.snapshot.facts import Endpoint, Key, LimitTable, LossPolicy, RateLimit, Window
from tests.calls import HELLO
from tests.edge.wire import Answer, post, request, serving
from tests.facts import channel, key, offer
from tests.relay.upstreams import (
    CUT,
    DONE,
    SILENCE,
    WHOLE_STREAM,
    FakePool,
    FakeResponse,
    Records,
    chunk,
    refused,
    reply,
    stages,
    stream,
)

PATH = "/v1/chat/completions"
BEARER = "Authorization: Bearer sk-1\r\n"
KEY = key([offer("a"), offer("b")])
CLAUDE = channel(
    "claude",
    endpoints={
        Operation.CHAT: (Endpoint(dialect="anthropic", url="http://127.0.0.1:9/claude/messages"),)
    },
)


def chat(headers: str = BEARER, path: str = PATH, **body: Any) -> bytes:
    sent = msgspec.json.encode({"model": "gpt", "messages": HELLO} | body)
    return request("POST", path, sent, headers)


async def answer_to(
    data: bytes,
    *answers: Any,
    of: Key = KEY,
    operation: Operation = Operation.CHAT,
    records: Records | None = None,
    reader: Reader = in_body,
) -> Answer:
    """Ask once; the upstreams answer as told."""
    endpoint = RelayEndpoint(
        stages(FakePool(*answers), of, records=records), operation, "openai_chat", PATH, reader
    )
    async with serving(post(PATH, endpoint), post("/chat/completions", endpoint)) as place:
        return await place.ask(data)


def error(answer: Answer) -> Any:
    return msgspec.json.decode(answer.body)["error"]


async def test_reply_comes_back_as_json() -> None:
    answer = await answer_to(chat(), reply())
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert b"hello" in answer.body


async def test_stream_comes_back_as_one() -> None:
    body = b"".join(WHOLE_STREAM)
    answer = await answer_to(
        chat(stream=True, stream_options={"include_usage": True}), stream(body)
    )
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.body == body


async def test_cut_stream_tells_of_it() -> None:
    answer = await answer_to(chat(stream=True), stream(chunk("hel"), CUT))
    assert answer.status == 200
    assert b"Connection closed unexpectedly" in answer.body
    assert DONE not in answer.body


async def test_missing_key_is_401() -> None:
    answer = await answer_to(chat(headers=""))
    assert answer.status == 401
    assert error(answer)["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"{}", 400, "model"),
        (b'{"model":5}', 400, "model"),
        (b'{"model":"gpt","stream":"yes"}', 400, "stream"),
        (b'{"model":', 400, None),
        (b"\xff", 400, None),
        (b"[]", 400, None),
    ],
)
async def test_what_cannot_be_read_is_refused_in_openais_shape(
    body: bytes, status: int, param: str | None
) -> None:
    answer = await answer_to(request("POST", PATH, body, BEARER))
    assert answer.status == status
    assert error(answer)["param"] == param


async def test_upstreams_refusal_reaches_the_caller_unchanged() -> None:
    refusal = refused(400, "bad tool", "invalid_tools")
    body = await refusal.read()
    answer = await answer_to(chat(), FakeResponse(body, status=400))
    assert (answer.status, answer.body) == (400, body)


async def test_failure_of_all_is_told_attempt_by_attempt() -> None:
    answer = await answer_to(chat(), refused(500, "one"), refused(503, "two"))
    assert answer.status == 503
    assert error(answer)["message"] == "All gpt error: two"
    assert error(answer)["attempts"] == ["a: 500 one", "b: 503 two"]
    assert answer.headers["x-should-retry"] == "false"


async def test_channel_is_told_to_admins_alone() -> None:
    admin = key([offer("a", "gpt-up", alias="gpt")], is_admin=True)
    told = (await answer_to(chat(), reply(), of=admin)).headers
    assert (told["x-headgate-channel"], told["x-headgate-model"]) == ("a", "gpt-up")
    assert "x-headgate-channel" not in (await answer_to(chat(), reply())).headers


async def test_limit_of_the_key_is_told() -> None:
    limited = key([offer("a")], limits=LimitTable(default=RateLimit((Window(5, 60.0),))))
    told = (await answer_to(chat(), reply(), of=limited)).headers
    assert told["x-ratelimit-limit-requests"] == "5"
    assert told["x-ratelimit-remaining-requests"] == "4"
    assert told["x-ratelimit-reset-requests"] == "60s"


CLAUDES = (
    b'{"id":"m","type":"message","role":"assistant","model":"claude","stop_reason":"end_turn",'
    b'"content":[{"type":"text","text":"hello"}],"usage":{"input_tokens":7,"output_tokens":3}}'
)


@pytest.mark.parametrize(
    ("policy", "told"), [(LossPolicy.REPORT, "seed"), (LossPolicy.IGNORE, None)]
)
async def test_losses_are_told_unless_nobody_minds(policy: LossPolicy, told: str | None) -> None:
    of = key([offer(CLAUDE)], on_loss=policy)
    answer = await answer_to(chat(seed=7), FakeResponse(CLAUDES), of=of)
    assert answer.status == 200
    assert answer.headers.get("x-headgate-loss") == told


async def test_answer_of_a_channel_that_rests_says_so() -> None:
    joined = stages(FakePool(refused(500), refused(500), reply()), KEY)
    async with serving(
        post(PATH, RelayEndpoint(joined, Operation.CHAT, "openai_chat", PATH))
    ) as place:
        assert (await place.ask(chat())).status == 500
        assert (await place.ask(chat())).headers["x-headgate-resting"] == "1"


async def test_endpoint_has_one_name_whichever_path_leads_to_it() -> None:
    # A channel that is closed to an endpoint is closed to its other path as well.
    closed = key([offer(channel("a", exclude_endpoints=frozenset({PATH})))])
    for path in (PATH, "/chat/completions"):
        assert (await answer_to(chat(path=path), of=closed)).status == 404


async def test_embeddings_are_no_stream() -> None:
    made = channel(
        "a",
        endpoints={
            Operation.EMBEDDINGS: (
                Endpoint(dialect="openai_chat", url="http://127.0.0.1:9/a/embeddings"),
            )
        },
    )
    answer = await answer_to(
        chat(input="x", stream=True),
        FakeResponse(b'{"data":[{"index":0,"embedding":[0.5]}]}'),
        of=key([offer(made)]),
        operation=Operation.EMBEDDINGS,
        reader=whole_in_body,
    )
    assert answer.headers["content-type"] == "application/json"


async def test_caller_that_hangs_up_ends_the_upstreams_call_and_is_on_the_books() -> None:
    records, answer = Records(), stream(chunk("hel"), SILENCE, DONE)
    joined = stages(FakePool(answer), KEY, records=records)
    async with serving(
        post(PATH, RelayEndpoint(joined, Operation.CHAT, "openai_chat", PATH))
    ) as place:
        caller = await place.call()
        await caller.send(chat(stream=True))
        await caller.reader.readuntil(b"hel")
        caller.hang_up()
        async with asyncio.timeout(5.0):
            await records.arrived.wait()
    assert answer.aborted
    assert records.kept[0].outcome == "client_gone"


async def test_gateway_that_stops_breaks_a_stream_off_with_its_reason() -> None:
    joined = stages(FakePool(stream(chunk("hel"), SILENCE)), KEY)
    endpoint = RelayEndpoint(joined, Operation.CHAT, "openai_chat", PATH)
    async with serving(post(PATH, endpoint), drain_s=0.05) as place:
        caller = await place.call()
        await caller.send(chat(stream=True))
        await caller.reader.readuntil(b"hel")
        stopping = asyncio.ensure_future(place.server.stop(asyncio.Event()))
        rest = await caller.rest()
        await stopping
    assert b"The gateway is stopping" in rest
    assert b"[DONE]" not in rest


def test_losses_are_named_in_one_line() -> None:
    losses = [Loss("anthropic", "seed"), Loss("anthropic", "messages[2].content[0]", "changed")]
    assert loss_header(losses) == b"seed, messages[2].content[0];changed"


@pytest.mark.parametrize("field", ["a\r\nx-forged: 1", "a\x00b", "sch\u00f6n \u2028"])
def test_field_names_of_callers_cannot_forge_headers(field: str) -> None:
    told = loss_header([Loss("anthropic", field)])
    assert all(0x20 <= byte < 0x7F for byte in told)


def test_endless_losses_are_cut() -> None:
    told = loss_header([Loss("anthropic", f"field{number}") for number in range(1000)])
    assert len(told) == 2003
    assert told.endswith(b"...")
