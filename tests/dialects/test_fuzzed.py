"""Whatever comes in, it is read, or refused with the blame where it belongs; nothing else happens.

The short form takes some seconds; `make soak` has the long one. What longer runs have found, these
and coverage-guided ones, stands below as examples.
"""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headgate.dialects.framing.aws_event_stream import message_bytes
from tests.dialects.entries import answered, places
from tests.dialects.mutations import (
    BODY_KINDS,
    STREAM_KINDS,
    Change,
    changed_body,
    changed_stream,
    changes,
)
from tests.dialects.seeds import seeds
from tests.dialects.streams import recorded, sse

LATE_WORDS = b"".join(
    message_bytes(msgspec.json.encode(payload), {":event-type": kind, ":message-type": "event"})
    for kind, payload in (
        ("messageStop", {"stopReason": "end_turn"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "late"}}),
        ("metadata", {"usage": {"inputTokens": 1, "outputTokens": 1}}),
    )
)
_CALL = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"}
_ADDED = {"type": "response.output_item.added", "output_index": 0, "item": _CALL}
_DONE = {"type": "response.output_item.done", "output_index": 0, "item": _CALL}
_MORE = {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{"}
_END = {"type": "response.completed", "response": {"id": "r", "status": "completed"}}
ITEM_TWICE = (_ADDED, _ADDED, _DONE, _END)
LATE_START = (_DONE, _ADDED, _MORE, _DONE, _END)
LATE_ARGUMENTS = (_ADDED, _DONE, _MORE, _END)
PLACES = {name: (entry, is_right) for name, entry, is_right in places()}
STREAMS = [name for name in PLACES if name.startswith("stream ")]
_INDEX = st.integers(0, 2**16)
_SHORT = settings(
    max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
_LONG = settings(_SHORT, max_examples=400)


def put_in(place: str, data: bytes) -> bool:
    """Let a place read something. True if it took it."""
    entry, is_right = PLACES[place]
    return answered(entry, is_right, data)


def put_in_changed(place: str, seed: bytes, wished: list[Change]) -> None:
    if place in STREAMS:
        put_in(place, changed_stream(place.partition(" ")[2], seed, wished))
    else:
        put_in(place, changed_body(seed, wished))


@pytest.mark.parametrize("place", PLACES)
def test_right_bodies_are_taken(place: str) -> None:
    taken = [put_in(place, seed) for seed in seeds(place)]
    assert any(taken)


@pytest.mark.parametrize("place", PLACES)
@_SHORT
@given(data=st.data())
def test_bodies_made_wrong_are_read_or_refused(place: str, data: st.DataObject) -> None:
    right = seeds(place)
    wished = data.draw(changes(STREAM_KINDS if place in STREAMS else BODY_KINDS))
    put_in_changed(place, right[data.draw(_INDEX) % len(right)], wished)


@pytest.mark.parametrize("place", PLACES)
@given(st.binary(max_size=200))
@_SHORT
def test_any_bytes_are_read_or_refused(place: str, data: bytes) -> None:
    put_in(place, data)


@pytest.mark.soak
@pytest.mark.parametrize("place", PLACES)
@_LONG
@given(data=st.data())
def test_bodies_made_wrong_for_long_are_read_or_refused(place: str, data: st.DataObject) -> None:
    right = seeds(place)
    wished = data.draw(changes(STREAM_KINDS if place in STREAMS else BODY_KINDS))
    put_in_changed(place, right[data.draw(_INDEX) % len(right)], wished)


@pytest.mark.soak
@pytest.mark.parametrize("place", STREAMS)
def test_recorded_streams_made_wrong_are_read_or_refused(place: str) -> None:
    wire = place.partition(" ")[2]
    found = [stream.data for stream in recorded() if stream.wire == wire]
    if not found:
        pytest.skip("no recordings")

    @_LONG
    @given(st.sampled_from(found), changes(STREAM_KINDS))
    def check(data: bytes, wished: list[Change]) -> None:
        put_in_changed(place, data, wished)

    check()


@pytest.mark.parametrize(
    ("place", "data"),
    [
        # Text that is no UTF-8, in a value that is looked at late.
        ("refusal openai_chat", b'{"id":"c","m\xe5ssage":"no"}'),
        ("stream openai_chat", b'data: {"created":"\xe9\xff","choices":[{"delta":{}}]}\n\n'),
        ("reply gemini", b'{"promptFeedback":{"blockReason":"X"},"usageMetadata":"\xe9\xff"}'),
        ("task speech", b'{"data":[{"b64_json":"a"}],"usage":"\xe9\xff"}'),
        ("task images", b'{"data":[{"\xe9\xff":"a"}],"created":1}'),
        ("vectors jina", b'{"data":[{"embedding":"AAAAPw=="}],"x":"\xff"}'),
        # Numbers without end, where only the grammar was looked at before.
        ("embedContent True", b'{"outputDimensionality":1e999}'),
        ("batchEmbedContents False", b'{"requests":1e999}'),
        ("rerank openai_chat", b'{"query":1e999}'),
        (
            "request openai_responses",
            b'{"model":"m","input":"Hi","temperature":%b}' % (b"9" * 400),
        ),
        ("task images", b'{"type":"image_generation.completed","usage":[1e999]}'),
        ("vectors ollama", b'{"embeddings":[[0.5,1e308]]}'),
        (
            "refusal openai_chat",
            b'{"error":{"message":"slow: try again in %bm"}}' % (b"9" * 5000),
        ),
        # Values of another kind than any vendor has ever sent.
        (
            "reply openai_chat",
            b'{"choices":[{"message":{"content":"a"},"finish_reason":"stop","logprobs":'
            b'{"content":[{"token":"a","top_logprobs":[{"token":{"x":1}}]}]}}]}',
        ),
        (
            "reply ollama",
            b'{"message":{"content":"a"},"done":true,"done_reason":{"a":1}}',
        ),
        (
            "reply ollama",
            b'{"message":{"content":"a"},"done":true,'
            b'"logprobs":[{"token":"a","logprob":-0.5,"top_logprobs":[[]]}]}',
        ),
        (
            "request anthropic",
            b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"}],'
            b'"output_config":{"format":{"type":"json_schema","schema":{"type":"object",'
            b'"properties":{"a":{"type":"string"}},"required":[{"a":1}]}}}}',
        ),
        (
            "stream anthropic",
            b'data: {"type":"message_start","message":{}}\n\n'
            b'data: {"type":"content_block_start","index":0,"content_block":{"x":1}}\n\n'
            b'data: {"type":"content_block_stop","index":0}\n\n'
            b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n'
            b'data: {"type":"message_stop"}\n\n',
        ),
        ("vectors openai_chat", b'{"data":[],"usage":{}}'),
        ("refusal openai_chat", b'{"detail":[{"loc":7,"msg":"wrong"}]}'),
        ("task speech", b'{"text":"hi","usage":{"type":"duration","seconds":%b}}' % (b"9" * 400)),
        (
            "reply bedrock_converse",
            b'{"output":{"message":{"content":[{"citationsContent":{"content":[{"text":"a"}],'
            b'"citations":[{"sourceContent":9}]}}]}},"stopReason":"end_turn"}',
        ),
        (
            "request gemini",
            b'{"contents":[{"parts":[{"text":"Hi"}]}],'
            b'"generationConfig":{"thinkingConfig":{"thinkingLevel":["HIGH"]}}}',
        ),
        # JSON within a text, deeper than any parser goes.
        ("look anthropic", b'{"metadata":{"user_id":"{%b session"}}' % (b'\\"a\\":' + b"[" * 9000)),
        # Events in another order than any vendor has ever sent them.
        ("stream bedrock_converse", LATE_WORDS),
        ("stream openai_responses", sse(*ITEM_TWICE)),
        ("stream openai_responses", sse(*LATE_ARGUMENTS)),
        ("stream openai_responses", sse(*LATE_START)),
    ],
)
def test_what_fuzzing_found_stays_repaired(place: str, data: bytes) -> None:
    put_in(place, data)
