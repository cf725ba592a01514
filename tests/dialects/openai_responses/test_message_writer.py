from __future__ import annotations

import json
from typing import Any

from headgate.dialects.framing.sse import SseDecoder
from headgate.dialects.openai_responses.events import EventWriter
from headgate.dialects.openai_responses.message_writer import MessageWriter
from headgate.ir.events import PartDelta
from headgate.ir.loss import Losses
from headgate.ir.request import Citation

LOSSES = Losses("openai_responses")


def shown(data: bytes) -> list[Any]:
    return [json.loads(frame.data) for frame in SseDecoder().feed(data)]


def test_texts_in_a_row_are_one_and_their_citations_move() -> None:
    writer = MessageWriter(EventWriter(), "msg_1", 0)
    link = Citation(url="u", title="t")
    data = writer.begin()
    data += writer.open(is_text=True)
    data += writer.write(PartDelta(0, "Hello "), LOSSES) + writer.end_part(LOSSES)
    data += writer.open(is_text=True)
    data += writer.write(PartDelta(1, "", citations=(link,)), LOSSES)  # before its text
    data += writer.write(PartDelta(1, "you"), LOSSES) + writer.end_part(LOSSES)
    written, item = writer.end()
    events = shown(data + written)
    note = {"type": "url_citation", "start_index": 6, "end_index": 9, "url": "u", "title": "t"}
    assert [event["type"].removeprefix("response.") for event in events] == [
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
    ]
    assert events[4]["annotation"] == note
    assert events[5]["text"] == "Hello you"
    assert json.loads(item) == events[-1]["item"]
    assert events[-1]["item"]["content"] == [
        {"type": "output_text", "text": "Hello you", "annotations": [note], "logprobs": []}
    ]


def test_a_refusal_is_a_part_of_its_own() -> None:
    losses = Losses("openai_responses")
    writer = MessageWriter(EventWriter(), "msg_1", 2)
    data = writer.begin() + writer.open(is_text=True) + writer.write(PartDelta(0, "a"), losses)
    data += writer.open(is_text=False)
    data += writer.write(PartDelta(1, "no", logprobs={"content": []}), losses)
    written, _ = writer.end()
    refused = [event for event in shown(data + written) if "refusal" in event["type"]]
    assert [(event["content_index"], event["output_index"]) for event in refused] == [(1, 2)] * 2
    assert refused[-1]["refusal"] == "no"
    assert [loss.field for loss in losses] == ["reply.logprobs"]


def test_logprobs_come_with_their_piece_and_again_at_the_end() -> None:
    entry = {"token": "a", "logprob": -1.0, "bytes": [97], "top_logprobs": []}
    writer = MessageWriter(EventWriter(), "msg_1", 0)
    data = writer.open(is_text=True)
    data += writer.write(PartDelta(0, "a", logprobs={"content": [entry]}), LOSSES)
    written, _ = writer.end()
    told = [event["logprobs"] for event in shown(data + written) if "logprobs" in event]
    assert told == [[entry], [entry]]
