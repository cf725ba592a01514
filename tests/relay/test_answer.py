"""One attempt, from the body that goes out to an answer known to be one (`uni-api.md` 3.4, 72)."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.providers.provider import Operation
from headgate.relay.answer import Answer, chosen_endpoint, headers_for, shown_model
from headgate.relay.call import Call
from headgate.routing.failover import Attempt
from headgate.snapshot.facts import Channel, Endpoint, Offer, Settings, Timeouts
from tests.calls import HELLO, call
from tests.facts import channel, key, offer
from tests.relay.upstreams import (
    DONE,
    WHOLE_STREAM,
    FakePool,
    FakeResponse,
    attempts,
    chunk,
    reply,
    stages,
    stream,
)

OPENAI = Endpoint(dialect="openai_chat", url="http://127.0.0.1:9/a/chat/completions")
ANTHROPIC = Endpoint(dialect="anthropic", url="http://127.0.0.1:9/a/messages")
GEMINI = Endpoint(
    dialect="gemini",
    url="http://127.0.0.1:9/a/{model}:generateContent",
    stream_url="http://127.0.0.1:9/a/{model}:streamGenerateContent?alt=sse",
)
STREAM = {"model": "gpt", "messages": HELLO, "stream": True}
EMPTY = "All gpt error: Upstream server returned an empty response."


def speaking(*endpoints: Endpoint, **changes: Any) -> Channel:
    return channel("a", endpoints={Operation.CHAT: endpoints}, **changes)


async def answered(
    response: FakeResponse, of: Offer | None = None, triggers: Sequence[str] = (), **asked: Any
) -> Answer:
    """The answer that a single channel gives."""
    pool = FakePool(response)
    only = key([of or offer("a")])
    settings = Settings(error_triggers=tuple(triggers))
    made = call(STREAM, stream=True, include_usage=True) if asked.pop("stream", False) else call()
    return await attempts(only, stages(pool, only, settings=settings), made).first_answer()


async def refusal(response: FakeResponse, **asked: Any) -> tuple[int, str]:
    with pytest.raises(RelayError) as failed:
        await answered(response, **asked)
    return failed.value.failure.http_status, failed.value.failure.message


# ---------------------------------------------------------------- what counts as an answer


async def test_whole_reply_is_passed_on_as_it_came() -> None:
    response = reply(vendor_field=1)
    answer = await answered(response)
    assert answer.whole is not None
    assert msgspec.json.decode(answer.whole)["vendor_field"] == 1


@pytest.mark.parametrize("as_stream", [False, True])
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"{}", b'{"choices":[]}', b"\xff", b'{"choices":']
)
async def test_what_is_no_reply_is_not_passed_on(body: bytes, as_stream: bool) -> None:
    status, message = await refusal(FakeResponse(body), stream=as_stream)
    assert status == 502
    assert message.startswith("All gpt error: ")


async def test_page_in_a_200_is_not_an_answer() -> None:
    page = FakeResponse(b"<html>hello</html>", content_type=b"text/html; charset=utf-8")
    assert (await refusal(page))[0] == 502


async def test_error_in_a_200_is_an_error() -> None:
    error = b'{"error":{"code":"rate_limit_exceeded","message":"slow down"}}'
    assert await refusal(FakeResponse(error)) == (429, "All gpt error: slow down")
    assert await refusal(stream(b"data: " + error + b"\n\n"), stream=True) == (
        429,
        "All gpt error: slow down",
    )


@pytest.mark.parametrize("pieces", [[DONE], [b""], [b": ping\n\n"]])
async def test_stream_that_says_nothing_is_not_an_answer(pieces: list[bytes]) -> None:
    assert await refusal(stream(*pieces), stream=True) == (502, EMPTY)


async def test_stream_is_held_until_its_first_frame_is_whole() -> None:
    first = chunk("hel")
    answer = await answered(stream(b": ping\n\n", first[:10], first[10:], DONE), stream=True)
    assert answer.first == b": ping\n\n" + first
    assert answer.whole is None


async def test_stream_that_nobody_asked_for_is_collected() -> None:
    answer = await answered(stream())
    assert answer.whole is not None
    message = msgspec.json.decode(answer.whole)["choices"][0]["message"]
    assert message["content"] == "hello"
    assert answer.usage is not None


async def test_whole_reply_is_made_into_the_stream_that_was_asked_for() -> None:
    answer = await answered(reply(), stream=True)
    assert answer.whole is not None
    assert answer.whole.endswith(DONE)


async def test_connection_is_let_go_when_the_answer_is_none() -> None:
    error = b'data: {"error":{"message":"no"}}\n\n'
    response = stream(error, *WHOLE_STREAM)
    await refusal(response, stream=True)
    assert response.aborted


# ---------------------------------------------------------------- error_triggers


@pytest.mark.parametrize("written", ["TRIGGER word", "trig\u00e4"])
async def test_trigger_makes_an_answer_a_failure(written: str) -> None:
    triggers = ["TRIGGER", "trig\u00e4"]
    assert await refusal(reply(written), triggers=triggers) == (502, EMPTY)
    assert await refusal(stream(chunk(written), DONE), stream=True, triggers=triggers) == (
        502,
        EMPTY,
    )


async def test_trigger_is_found_behind_escapes() -> None:
    body = (await reply("trig\u00e4").read()).replace("\u00e4".encode(), b"\\u00e4")
    assert await refusal(FakeResponse(body), triggers=["trig\u00e4"]) == (502, EMPTY)


async def test_trigger_is_found_a_few_frames_into_a_stream() -> None:
    pieces = [chunk(""), chunk("hello "), chunk("TRIGGER"), chunk(finish="stop"), DONE]
    assert await refusal(stream(*pieces), stream=True, triggers=["TRIGGER"]) == (502, EMPTY)


async def test_short_stream_without_a_trigger_is_an_answer() -> None:
    answer = await answered(stream(chunk("hello", "stop"), DONE), stream=True, triggers=["TRIGGER"])
    assert answer.first == chunk("hello", "stop") + DONE


# ---------------------------------------------------------------- where it is asked for


def test_callers_own_dialect_is_preferred() -> None:
    assert chosen_endpoint(offer(speaking(ANTHROPIC, OPENAI)), call()) is OPENAI
    assert chosen_endpoint(offer(speaking(ANTHROPIC, GEMINI)), call()) is ANTHROPIC


def test_completion_may_be_asked_of_a_chat_endpoint() -> None:
    asked = call(operation=Operation.COMPLETIONS, dialect="openai_completions")
    assert chosen_endpoint(offer(speaking(ANTHROPIC)), asked) is ANTHROPIC


@pytest.mark.parametrize(
    ("streams", "target"),
    [
        (False, "/a/gem-up:generateContent?key=k1"),
        (True, "/a/gem-up:streamGenerateContent?alt=sse&key=k1"),
    ],
)
async def test_streams_may_have_an_address_of_their_own(streams: bool, target: str) -> None:
    made = speaking(GEMINI)
    shown = msgspec.structs.replace(made.credentials[0], query="key=k1", headers=())
    made = msgspec.structs.replace(made, credentials=(shown,))
    pool = FakePool(FakeResponse(b"", status=500))
    only = key([offer(made, "gem-up", alias="gpt")])
    asked = call(STREAM, stream=True) if streams else call()
    with pytest.raises(RelayError) as failed:
        await attempts(only, stages(pool, only), asked).first_answer()
    assert failed.value.failure.kind is FailureKind.UPSTREAM_ERROR
    assert pool.asked[0].target == target


# ---------------------------------------------------------------- headers


def headers(
    of: Channel, *sent: tuple[bytes, bytes], dialect: str = "openai_chat"
) -> dict[str, str]:
    asked: Call = call(headers=list(sent))
    attempt = Attempt(offer=offer(of), credential=of.credentials[0])
    return dict(headers_for(attempt, dialect, asked))


async def test_credential_and_request_id_go_along() -> None:
    pool = FakePool(reply())
    only = key([offer("a")])
    await attempts(only, stages(pool, only)).first_answer()
    assert pool.asked[0].own == (("x-request-id", "r1"),)
    shown = headers(channel("a"))
    assert shown["authorization"] == "Bearer k1"
    assert shown["user-agent"].startswith("headgate/")


def test_callers_own_key_cookies_and_addresses_stay_here() -> None:
    private = ["authorization", "x-api-key", "cookie", "x-forwarded-for", "host", "origin"]
    shown = headers(channel("a"), *((name.encode(), b"private") for name in private))
    assert "private" not in shown.values()


def test_headers_of_the_dialect_go_to_an_upstream_that_speaks_it() -> None:
    beta = (b"openai-beta", b"assistants=v2")
    assert headers(channel("a"), beta)["openai-beta"] == "assistants=v2"
    assert "openai-beta" not in headers(channel("a"), beta, dialect="anthropic")


def test_operators_headers_are_sent_and_callers_win_where_they_may() -> None:
    made = channel(
        "a", headers=(("X-Team", "blue"), ("X-Foo", "fixed")), passthrough_headers=("X-Foo",)
    )
    assert headers(made)["x-foo"] == "fixed"
    shown = headers(made, (b"x-foo", b"mine"), (b"x-team", b"red"))
    assert (shown["x-foo"], shown["x-team"]) == ("mine", "blue")


def test_caller_cannot_replace_the_credential() -> None:
    made = channel("a", passthrough_headers=("Authorization",))
    assert headers(made, (b"authorization", b"Bearer mine"))["authorization"] == "Bearer k1"


@pytest.mark.parametrize(
    ("model", "alias", "answer_model", "shown"),
    [
        ("up", "alias", "requested", "alias"),
        ("up", "alias", "upstream", None),
        ("same", "same", "requested", None),
    ],
)
def test_renamed_model_is_shown_by_the_name_that_was_asked_for(
    model: str, alias: str, answer_model: str, shown: str | None
) -> None:
    made = offer(channel("a", answer_model=answer_model), model, alias=alias)
    assert shown_model(made) == shown


async def test_upstream_that_sends_only_comments_is_silent() -> None:
    class Murmuring(FakeResponse):
        async def read(self) -> bytes:
            await asyncio.sleep(0.01)
            return b": still here\n\n"

    murmuring = Murmuring(content_type=b"text/event-stream")
    impatient = offer("a", timeouts=Timeouts(first_byte_s=0.1))
    with pytest.raises(RelayError, match=r"timed out after 0\.1 seconds"):
        await answered(murmuring, impatient, stream=True)


async def test_upstream_that_pours_comments_is_stopped() -> None:
    class Pouring(FakeResponse):
        async def read(self) -> bytes:
            await asyncio.sleep(0)
            return b":" * (8 * 1024 * 1024 - 2) + b"\n\n"

    pouring = Pouring(content_type=b"text/event-stream")
    with pytest.raises(RelayError, match="stream does not begin"):
        await answered(pouring, offer("a", timeouts=Timeouts(first_byte_s=30.0)), stream=True)


# ------------------------------------------------------------- other vendors' proofs


@pytest.mark.parametrize(
    ("signature", "stays"),
    [("EoEK", True), ("hg1.gemini.abc", False), ("hg1.openai.x", False), ("", False)],
)
async def test_proof_of_another_vendor_never_reaches_this_one(signature: str, stays: bool) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": signature}
    said = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [thought, {"type": "text", "text": "so"}]},
        {"role": "user", "content": "on"},
    ]
    asked = call(
        {"model": "gpt", "max_tokens": 9, "messages": said, "vendor_field": 1}, dialect="anthropic"
    )
    done = {"type": "message", "content": [{"type": "text", "text": "x"}], "usage": {}}
    pool = FakePool(FakeResponse(msgspec.json.encode(done)))
    only = key([offer(speaking(ANTHROPIC))])
    await attempts(only, stages(pool, only), asked).first_answer()
    (body,) = pool.bodies
    content = body["messages"][1]["content"]
    assert content == ([thought, {"type": "text", "text": "so"}] if stays else "so")
    assert body["vendor_field"] == 1
