from __future__ import annotations

from typing import Any

import msgspec

from headgate.base.frames import Frame
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.gemini.leftovers import leftovers_in
from headgate.dialects.gemini.reply import decode_reply, encode_reply
from headgate.dialects.gemini.stream import GeminiStreamDecoder
from headgate.ir.collect import collect

HIGH = [{"category": "C", "probability": "HIGH"}]
LEFT = {
    "modelStatus": {"stage": "s"},
    "candidates[0].safetyRatings": HIGH,
    "candidates[0].avgLogprobs": -0.5,
    "candidates[0].groundingMetadata.webSearchQueries": ["q"],
}


def reply(**more: Any) -> bytes:
    candidate = {
        "content": {"role": "model", "parts": [{"text": "a"}]},
        "finishReason": "STOP",
        "safetyRatings": HIGH,
        "avgLogprobs": -0.5,
        "groundingMetadata": {"webSearchQueries": ["q"], "groundingChunks": []},
    }
    body = {"candidates": [candidate | more], "modelStatus": {"stage": "s"}, "promptFeedback": {}}
    return msgspec.json.encode(body)


def test_what_nobody_reads_is_kept_by_its_path() -> None:
    assert leftovers_in(reply()) == LEFT
    assert leftovers_in(b"[1]") == leftovers_in(b"{") == {}


def test_ratings_by_which_nothing_was_found_say_nothing() -> None:
    harmless = [{"category": "C", "probability": "NEGLIGIBLE"}]
    assert "candidates[0].safetyRatings" not in leftovers_in(reply(safetyRatings=harmless))


def test_callers_of_the_same_dialect_get_it_back() -> None:
    decoded = decode_reply(reply())
    assert decoded.extras == {"gemini": LEFT}
    context = ReplyContext(model="m", reply_id="r", created=0)
    assert leftovers_in(encode_reply(decoded, context)) == LEFT


def test_streams_tell_it_in_their_first_and_last_frames() -> None:
    decoder = GeminiStreamDecoder()
    frames = [reply(finishReason=None, first=1), reply(middle=1), reply()]
    events = [event for data in frames for event in decoder.feed(Frame(data))]
    found = collect([*events, *decoder.end()]).extras["gemini"]
    assert found == {**LEFT, "candidates[0].first": 1}


def test_an_upstream_cannot_fill_the_memory() -> None:
    body = msgspec.json.encode({f"x{number}": 1 for number in range(1000)})
    assert len(leftovers_in(body)) == 64
