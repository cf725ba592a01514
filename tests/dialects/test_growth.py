"""A long stream costs what it is long, and not its square; garbage without end fills no memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from time import process_time
from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.bridge import DIALECTS, WIRES
from headgate.dialects.dialect import FrameDecoder
from headgate.dialects.framing.aws_event_stream import AwsEventStreamDecoder, message_bytes
from headgate.dialects.framing.json_array import JsonArrayDecoder
from headgate.dialects.framing.json_lines import JsonLinesDecoder
from headgate.dialects.framing.sse import MAX_FRAME_BYTES, SseDecoder
from headgate.dialects.gemini.frames import StreamFrameDecoder
from headgate.relay.lane import Translated
from tests.dialects.entries import context, tell_all

Json = dict[str, Any]
Stream = Callable[[int], Iterator[Json]]
CALLERS = ("openai_chat", "openai_responses", "anthropic", "gemini")


def _chat(delta: Json, index: int = 0, **more: Any) -> Json:
    return {"id": "c", "choices": [{"index": index, "delta": delta, **more}]}


def chat(of: Callable[[int], Json], reason: str = "stop") -> Stream:
    """Streams of chat, of as many of these deltas as are asked for."""

    def stream(count: int) -> Iterator[Json]:
        yield from map(of, range(count))
        yield _chat({}, finish_reason=reason)

    return stream


def _call(number: int, arguments: str) -> Json:
    function = {"name": "f", "arguments": arguments}
    return {"tool_calls": [{"index": number, "id": f"c{number}", "function": function}]}


def _token(number: int) -> Json:
    return {"token": f"w{number}", "logprob": -1.0, "bytes": [119], "top_logprobs": []}


def _logprobs(number: int) -> Json:
    return _chat({"content": "w"}, logprobs={"content": [_token(number)]})


def _thought_or_word(number: int) -> Json:
    return _chat({"reasoning_content": "hm"} if number % 2 else {"content": "word"})


def blocks(count: int) -> Iterator[Json]:
    """Anthropic's stream of many short blocks."""
    yield {"type": "message_start", "message": {"id": "m", "model": "c", "usage": {}}}
    for index in range(count):
        yield {"type": "content_block_start", "index": index, "content_block": {"type": "text"}}
        delta = {"type": "text_delta", "text": "word "}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    yield {"type": "message_stop"}


def items(count: int) -> Iterator[Json]:
    """The Responses API's stream of many calls."""
    for index in range(count):
        ids = {"id": f"f{index}", "call_id": f"c{index}"}
        item = {"type": "function_call", **ids, "name": "f", "arguments": "{}"}
        yield {"type": "response.output_item.added", "output_index": index, "item": item}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": "response.completed", "response": {"id": "r", "status": "completed"}}


def grounded(count: int) -> Iterator[Json]:
    """Gemini's stream in which every frame cites."""
    for number in range(count):
        chunk = {"web": {"uri": f"https://h/{number}", "title": "t"}}
        support = {"segment": {"endIndex": 3, "text": "wor"}, "groundingChunkIndices": [0]}
        grounding = {"groundingChunks": [chunk], "groundingSupports": [support]}
        content = {"parts": [{"text": "word "}]}
        yield {"candidates": [{"content": content, "groundingMetadata": grounding}]}
    yield {"candidates": [{"content": {"parts": [{"text": "."}]}, "finishReason": "STOP"}]}


def cited(count: int) -> Iterator[Json]:
    """Cohere's stream of citations that come before their text."""
    yield {"type": "message-start", "id": "c"}
    for _ in range(count):
        found = {"start": 0, "end": 1, "text": "a", "sources": [{"type": "document", "id": "d"}]}
        yield {"type": "citation-start", "delta": {"message": {"citations": found}}}
    yield {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}


def odd(count: int) -> Iterator[Json]:
    """Converse's stream of a block of an unknown kind: an object that grows."""
    for number in range(count):
        yield {"contentBlockIndex": 0, "delta": {"odd": {f"k{number}": 1}, "word": "more"}}


STREAMS: dict[str, tuple[str, Stream]] = {
    "calls": ("openai_chat", chat(lambda n: _chat(_call(n, "{}")), "tool_calls")),
    "calls by turns": ("openai_chat", chat(lambda n: _chat(_call(n % 20, "{}")), "tool_calls")),
    "arguments": ("openai_chat", chat(lambda _: _chat(_call(0, "abcdef")), "tool_calls")),
    "choices": ("openai_chat", chat(lambda n: _chat({"content": "x"}, n, finish_reason="stop"))),
    "logprobs": ("openai_chat", chat(_logprobs)),
    "thoughts and words": ("openai_chat", chat(_thought_or_word)),
    "blocks": ("anthropic", blocks),
    "items": ("openai_responses", items),
    "grounded": ("gemini", grounded),
    "cited": ("cohere", cited),
    "odd": ("bedrock_converse", odd),
}


def written(wire: str, stream: Stream, count: int) -> list[bytes]:
    frames = list(map(msgspec.json.encode, stream(count)))
    if wire != "bedrock_converse":
        return [b"data: %b\n\n" % frame for frame in frames]
    headers = {":event-type": "contentBlockDelta", ":message-type": "event"}
    return [message_bytes(frame, headers) for frame in frames]


def cost_s(wire: str, caller: str, pieces: list[bytes]) -> float:
    """Measure one lane; the best of three tries, as others use the machine too."""
    tries = []
    for _ in range(3):
        lane = Translated(WIRES[wire], DIALECTS[caller], context(), None, remember=tell_all)
        began_s = process_time()
        for piece in pieces:
            lane.feed(piece)
        lane.end()
        tries.append(process_time() - began_s)
    return min(tries)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_is_ten_times_as_long_costs_about_ten_times_as_much(name: str) -> None:
    wire, stream = STREAMS[name]
    few, many = written(wire, stream, 250), written(wire, stream, 2500)
    for caller in CALLERS:
        if caller != wire:
            short_s = cost_s(wire, caller, few)
            long_s = cost_s(wire, caller, many)
            assert long_s < 25 * short_s + 0.02, (caller, short_s, long_s)  # squares: 100 times


# ------------------------------------------------------------------ garbage without end

MOST_BYTES = 256 * 1024
GARBAGE = {
    "text": b"abcdefgh" * 512,
    "lines": b"data: abc\n" * 400,
    "comments": b": ping\n" * 500,
    "brackets": b'[{"a":[' * 500,
    "strings": b'{"a":"' + b"\\" * 4000,
    "objects": b'{"a": {' * 500,
    "zeros": b"\0" * 4096,
}


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize(
    "framing", [SseDecoder, JsonLinesDecoder, JsonArrayDecoder, AwsEventStreamDecoder]
)
def test_garbage_without_end_is_given_up_on(
    framing: Callable[[int], FrameDecoder], garbage: str
) -> None:
    decoder = framing(MOST_BYTES)
    fed = held = 0
    tracemalloc.start()
    try:
        for _ in range(4 * MOST_BYTES // len(GARBAGE[garbage])):
            fed += len(GARBAGE[garbage])
            decoder.feed(GARBAGE[garbage])
            held = max(held, tracemalloc.get_traced_memory()[0])
    except RelayError as error:
        assert error.failure.kind is FailureKind.UPSTREAM_BAD_REPLY
        assert fed <= 2 * MOST_BYTES
    tracemalloc.stop()
    assert held < 3 * MOST_BYTES


def test_geminis_framing_has_the_same_bound() -> None:
    decoder = StreamFrameDecoder()
    with pytest.raises(RelayError):
        for _ in range(MAX_FRAME_BYTES // 2**16 + 2):
            decoder.feed(b"x" * 2**16)


@pytest.mark.parametrize("framing", [SseDecoder, JsonLinesDecoder, JsonArrayDecoder])
def test_a_frame_that_drips_in_costs_no_more_than_its_bytes(
    framing: Callable[[], FrameDecoder],
) -> None:
    def drip_s(count: int) -> float:
        decoder = framing()
        decoder.feed(b'data: {"a":"' if framing is SseDecoder else b'{"a":"')
        began_s = process_time()
        for _ in range(count):
            decoder.feed(b"ab\\n")
        return process_time() - began_s

    short_s = min(drip_s(5_000) for _ in range(3))
    long_s = min(drip_s(50_000) for _ in range(3))
    assert long_s < 25 * short_s + 0.02
