from __future__ import annotations

import base64
from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace

from headgate.lab.wires import seals
from headgate.lab.wires.bedrock import BEDROCK, read
from headgate.lab.wires.question import Answer, Call, Fault, Json, Usage
from tests.lab.asking import OFFERS, messages, question

ANSWER = Answer(pieces=("Hello", " you."), usage=Usage(prompt=5, output=2, cached=4))
MIXED = Answer(
    pieces=("Look:",), thinking=("mull",), calls=(Call("look", {"city": "Oslo"}),), finish="tool",
    redacted="hush",
)  # fmt: skip


def asked(**more: Any) -> Any:
    return question("bedrock", **more)


def test_a_reply_has_text_stop_reason_and_usage_without_the_cached_part() -> None:
    reply: Any = json.decode(BEDROCK.whole(asked(), ANSWER))
    assert reply["output"]["message"] == {"role": "assistant", "content": [{"text": "Hello you."}]}
    assert reply["stopReason"] == "end_turn"
    usage = reply["usage"]
    assert (usage["inputTokens"], usage["cacheReadInputTokens"], usage["totalTokens"]) == (1, 4, 7)


def test_only_calls_announce_their_block_and_the_usage_comes_last() -> None:
    found = messages(b"".join(BEDROCK.frames(asked(), MIXED)))
    payloads: list[Any] = [json.decode(payload) for _, payload in found]
    kinds = [headers[":event-type"] for headers, _ in found]
    assert kinds == [
        "messageStart", "contentBlockDelta", "contentBlockDelta", "contentBlockStop",
        "contentBlockDelta", "contentBlockStop", "contentBlockDelta", "contentBlockStop",
        "contentBlockStart", "contentBlockDelta", "contentBlockDelta", "contentBlockStop",
        "messageStop", "metadata",
    ]  # fmt: skip
    deltas = [payload["delta"] for payload in payloads if "delta" in payload]
    assert deltas[0] == {"reasoningContent": {"text": "mull"}}
    assert seals.is_seal(seals.CLAUDE, "mull", deltas[1]["reasoningContent"]["signature"])
    redacted = base64.b64decode(deltas[2]["reasoningContent"]["redactedContent"]).decode()
    assert seals.opened(seals.CLAUDE, redacted) == "hush"
    assert "".join(delta["toolUse"]["input"] for delta in deltas[4:]) == '{"city":"Oslo"}'
    assert all(payload["p"] for payload in payloads)


def test_thinking_text_and_call_are_blocks() -> None:
    reply: Any = json.decode(BEDROCK.whole(asked(), MIXED))
    blocks = reply["output"]["message"]["content"]
    assert [next(iter(block)) for block in blocks] == [
        "reasoningContent", "reasoningContent", "text", "toolUse",
    ]  # fmt: skip
    assert blocks[3]["toolUse"]["input"] == {"city": "Oslo"}


def test_no_usage_leaves_no_usage() -> None:
    silent = replace(ANSWER, usage=None)
    assert b"usage" not in BEDROCK.whole(asked(), silent)
    assert b"usage" not in b"".join(BEDROCK.frames(asked(), silent))


def test_the_reader_sees_system_tool_results_and_media() -> None:
    result: Json = {"toolResult": {"content": [{"json": {"t": -2}}, {"text": "cold"}]}}
    media: Json = {"image": {"format": "png", "source": {"bytes": "AAAA"}}}
    document: Json = {"document": {"format": "pdf", "name": "d", "source": {"bytes": "AAAA"}}}
    content = [result, media, document, {"text": "and?"}]
    prompt = read(
        {"system": [{"text": "Be short."}], "messages": [{"role": "user", "content": content}]}
    )
    assert prompt.texts == ("Be short.", '{"t":-2}', "cold", "and?")
    assert prompt.tool_result == '{"t":-2} cold'
    assert prompt.media == ("image/png 3 bytes", "document/pdf 3 bytes")


def test_a_forced_tool_stands_alone() -> None:
    config = OFFERS["bedrock"]["toolConfig"]
    for name, count in (("look", 1), ("other", 0)):
        choice = {"toolConfig": config | {"toolChoice": {"tool": {"name": name}}}}
        assert len(read(choice).tools) == count


def test_a_body_to_count_holds_the_request() -> None:
    inner = {"messages": [{"role": "user", "content": [{"text": "a b"}]}]}
    assert read({"input": {"converse": inner}}).texts == ("a b",)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "ValidationException"), (429, "ThrottlingException"), (500, "InternalServerException")],
)
def test_the_type_of_an_error_stands_in_a_header(status: int, kind: str) -> None:
    headers = dict(BEDROCK.error_headers(Fault(status, "no")))
    assert headers["x-amzn-errortype"].startswith(kind + ":http")


def test_an_error_in_a_stream_is_an_exception() -> None:
    ((headers, payload),) = messages(BEDROCK.error_frame(asked(), Fault(429, "slow down")))
    assert headers[":exception-type"] == "throttlingException"
    assert payload == b'{"message":"slow down"}'


def test_a_broken_frame_fails_its_checksum() -> None:
    with pytest.raises(AssertionError):
        messages(BEDROCK.broken_frame)
