from __future__ import annotations

from collections.abc import Iterable

import msgspec
from hypothesis import given

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.gemini.frames import StreamFrameDecoder
from headgate.dialects.gemini.stream import GeminiStreamDecoder
from headgate.dialects.gemini.stream_encoder import array_encoder, sse_encoder
from headgate.ir.collect import collect, replay
from headgate.ir.events import (
    Ended,
    Event,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
)
from headgate.ir.reply import Finish, Reply
from headgate.ir.request import (
    Citation,
    Image,
    Inline,
    Json,
    Opaque,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from headgate.ir.usage import Usage
from tests.dialects.gemini.test_reply import gemini_replies
from tests.ir.replies import replies

CONTEXT = ReplyContext(model="shown", reply_id="made", created=1)
STOP = Finished(Finish(reason="stop"))


def wires(events: Iterable[Event]) -> list[Json]:
    """Write events as SSE; give the JSON of each frame."""
    encoder = sse_encoder(CONTEXT)
    body = b"".join(encoder.feed(event) for event in events)
    return [
        msgspec.json.decode(block.removeprefix(b"data: ")) for block in body.split(b"\n\n")[:-1]
    ]


def parts(*events: Event) -> list[Json]:
    """Write events in the middle of a stream; give the parts of all frames but the last."""
    found = wires([Started(), *events, STOP, Ended()])
    return [frame["candidates"][0]["content"]["parts"][0] for frame in found[:-1]]


def test_text_goes_out_piece_by_piece_and_the_rest_in_the_last_frame() -> None:
    found = wires(
        [
            Started(reply_id="r1", model="m1"),
            PartStarted(0, Text(text="")),
            PartDelta(0, "Hel"),
            PartDelta(0, 'lo "you"'),
            PartEnded(0),
            STOP,
            Ended(Usage(input=2, output=3), "flex"),
        ]
    )
    names = {"modelVersion": "m1", "responseId": "r1"}
    usage = {
        "promptTokenCount": 2,
        "candidatesTokenCount": 3,
        "totalTokenCount": 5,
        "serviceTier": "flex",
    }

    def candidate(text: str, **more: str) -> Json:
        content = {"parts": [{"text": text}], "role": "model"}
        return {"candidates": [{"content": content, "index": 0} | more]} | names

    assert found == [
        candidate("Hel"),
        candidate('lo "you"'),
        candidate("", finishReason="STOP") | {"usageMetadata": usage},
    ]


def test_the_context_fills_in_what_the_upstream_did_not_tell() -> None:
    last = wires([Started(), STOP, Ended()])[-1]
    assert (last["modelVersion"], last["responseId"]) == ("shown", "made")


def test_calls_go_out_whole() -> None:
    proof = Signature("gemini", "c2ln")
    assert parts(
        PartStarted(0, ToolCall(call_id="a", name="f", signature=proof)),
        PartStarted(1, ToolCall(call_id="b", name="g")),
        PartDelta(0, '{"x"'),
        PartDelta(1, ""),
        PartDelta(0, ":1}"),
        PartEnded(0),
        PartEnded(1),
    ) == [
        {"functionCall": {"name": "f", "args": {"x": 1}, "id": "a"}, "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "g", "args": {}, "id": "b"}},
    ]


def test_only_geminis_own_signatures_go_out() -> None:
    assert parts(
        PartStarted(0, Thinking()),
        PartDelta(0, "hm"),
        PartDelta(0, signature=Signature("anthropic", "x")),
        PartDelta(0, signature=Signature("gemini", "c2ln")),
        PartEnded(0),
    ) == [
        {"text": "hm", "thought": True},
        {"text": "", "thoughtSignature": "c2ln", "thought": True},
    ]


def test_media_go_out_whole() -> None:
    assert parts(
        PartStarted(0, Image(source=Inline("image/png", ""))),
        PartDelta(0, "AA"),
        PartDelta(0, "BB"),
        PartEnded(0),
    ) == [{"inlineData": {"mimeType": "image/png", "data": "AABB"}}]


def test_a_refusal_is_text_and_foreign_blocks_are_left_out() -> None:
    assert parts(
        PartStarted(0, Refusal()),
        PartDelta(0, "no"),
        PartEnded(0),
        PartStarted(1, Opaque(dialect="anthropic", block={})),
        PartEnded(1),
    ) == [{"text": "no"}]


def test_citations_and_probabilities_stand_in_the_last_frame() -> None:
    logprobs = {"content": [{"token": "a", "logprob": -1.0}]}
    last = wires(
        [
            Started(),
            PartStarted(0, Text(text="")),
            PartDelta(0, "ab", logprobs=logprobs),
            PartEnded(0),
            PartStarted(1, Text(text="")),
            PartDelta(1, "ü", logprobs=logprobs),
            PartDelta(1, citations=(Citation(url="u", start=0, end=1),)),
            PartEnded(1),
            STOP,
            Ended(),
        ]
    )[-1]["candidates"][0]
    segment = last["groundingMetadata"]["groundingSupports"][0]["segment"]
    assert segment == {"startIndex": 2, "endIndex": 4, "text": "ü"}
    assert len(last["logprobsResult"]["chosenCandidates"]) == 2


def test_a_failure_is_an_error_frame_and_the_last_word() -> None:
    failure = Failure(kind=FailureKind.UPSTREAM_OVERLOADED, message="m")
    found = wires([Started(), PartStarted(0, Text(text="")), Failed(failure), STOP, Ended()])
    assert [frame["error"]["status"] for frame in found] == ["UNAVAILABLE"]


def test_the_other_form_of_a_stream_is_one_array() -> None:
    encoder = array_encoder(CONTEXT)
    told: list[Event] = [Started(), PartStarted(0, Text(text="a")), PartEnded(0), STOP, Ended()]
    body = b"".join(encoder.feed(event) for event in told)
    assert len(msgspec.json.decode(body)) == 2
    broken = array_encoder(CONTEXT)
    failure = Failure(kind=FailureKind.INTERNAL, message="m")
    body = b"".join(broken.feed(event) for event in (*told[:2], Failed(failure)))
    assert msgspec.json.decode(body)[-1]["error"]["message"] == "m"


def back(body: bytes, size: int) -> Reply:
    """Read a stream back, in network chunks of some size."""
    framer, decoder = StreamFrameDecoder(), GeminiStreamDecoder()
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    frames = [frame for chunk in chunks for frame in framer.feed(chunk)] + framer.end()
    return collect([event for frame in frames for event in decoder.feed(frame)] + decoder.end())


@given(gemini_replies())
def test_a_stream_goes_and_comes_back(reply: Reply) -> None:
    for make in (sse_encoder, array_encoder):
        encoder = make(CONTEXT)
        body = b"".join(encoder.feed(event) for event in replay(reply))
        for size in (len(body), 11):
            assert back(body, size) == reply


@given(replies())
def test_any_reply_of_any_dialect_becomes_a_readable_stream(reply: Reply) -> None:
    encoder = sse_encoder(CONTEXT)
    body = b"".join(encoder.feed(event) for event in replay(reply))
    try:
        found = back(body, len(body))
    except RelayError as error:
        assert not reply.choices, error
    else:
        assert [made.index for made in found.choices] == [made.index for made in reply.choices]
