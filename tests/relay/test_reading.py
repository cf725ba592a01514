"""What counts as an answer, and what is read of it (`uni-api.md` 3.4, 72)."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from headgate.base.failure import RelayError
from headgate.relay.answer import Answer
from headgate.snapshot.facts import Offer, Settings, Timeouts
from tests.calls import HELLO, call
from tests.facts import key, offer
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

STREAM = {"model": "gpt", "messages": HELLO, "stream": True}
EMPTY = "All gpt error: Upstream server returned an empty response."


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
