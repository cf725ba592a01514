"""Where an attempt is asked for, and what goes out."""

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.providers.provider import Operation
from headgate.relay.questioner import chosen_endpoint
from headgate.snapshot.facts import Channel, Endpoint
from tests.calls import HELLO, call
from tests.facts import channel, key, offer
from tests.relay.upstreams import (
    FakePool,
    FakeResponse,
    attempts,
    stages,
)

OPENAI = Endpoint(dialect="openai_chat", url="http://127.0.0.1:9/a/chat/completions")
ANTHROPIC = Endpoint(dialect="anthropic", url="http://127.0.0.1:9/a/messages")
GEMINI = Endpoint(
    dialect="gemini",
    url="http://127.0.0.1:9/a/{model}:generateContent",
    stream_url="http://127.0.0.1:9/a/{model}:streamGenerateContent?alt=sse",
)
STREAM = {"model": "gpt", "messages": HELLO, "stream": True}


def speaking(*endpoints: Endpoint, **changes: Any) -> Channel:
    return channel("a", endpoints={Operation.CHAT: endpoints}, **changes)


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
