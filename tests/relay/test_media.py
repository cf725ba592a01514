"""Images and audio: the body that goes out, and the answer that comes back in any form."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.framing.sse import frame_bytes
from headgate.ir.usage import Usage
from headgate.providers.provider import Operation
from headgate.relay.call import Call
from headgate.relay.media import MEDIA, MediaAnswer, MediaReading, estimated, media_body
from headgate.relay.media_lanes import BytesLane, EventLane
from headgate.snapshot.facts import Override, Removal
from tests.calls import call
from tests.facts import offer
from tests.relay.test_form import form
from tests.relay.upstreams import CUT, SILENCE, FakeResponse, Piece

O = Operation  # noqa: E741 - the operations stand in every line
OF = offer("a", "up", alias="alias")
USAGE = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}
IMAGE = {"created": 1, "data": [{"b64_json": "AAAA"}], "usage": USAGE}
DONE = frame_bytes(b'{"type":"speech.audio.done"}')


def asking(operation: Operation, *, stream: bool = False, **body: Any) -> Call:
    return call({"model": "alias"} | body, operation=operation, stream=stream)


def uploading(operation: Operation, *parts: Any) -> Call:
    made = form(*parts)
    return call(b"{}", operation=operation, form=made, fields=made.fields())


def accept(_: bytes) -> None:
    """Nothing is a failure."""


async def answer_to(
    asked: Call,
    *pieces: Piece,
    kind: str = "application/json",
    shown_model: str | None = None,
    check: Callable[[bytes], None] = accept,
    bound_s: float = 5.0,
) -> MediaAnswer:
    reading = MediaReading(call=asked, shown_model=shown_model, check=check, bound_s=bound_s)
    return await reading.answer(FakeResponse(*pieces, content_type=kind.encode()))


async def refusal(asked: Call, *pieces: Piece, **more: Any) -> FailureKind:
    with pytest.raises(RelayError) as caught:
        await answer_to(asked, *pieces, **more)
    return caught.value.failure.kind


# ------------------------------------------------------------------------------- bodies


def test_json_keeps_its_fields_but_the_model() -> None:
    body = media_body(asking(O.IMAGES, prompt="a  cat", odd={"x": [1.50]}), OF)
    assert body.form is None
    assert msgspec.json.decode(body.data) == {
        "model": "up",
        "prompt": "a  cat",
        "odd": {"x": [1.5]},
    }


def test_operators_overrides_win_in_json() -> None:
    of = offer("a", "up", overrides=(Override(values={"quality": "low", "model": "other"}),))
    body = media_body(asking(O.IMAGES, prompt="p", quality="high"), of)
    assert msgspec.json.decode(body.data) == {"model": "other", "prompt": "p", "quality": "low"}


def sent(body: Any) -> bytes:
    return b"".join(body.form.pieces())


def test_form_keeps_its_parts_but_the_model() -> None:
    asked = uploading(
        O.TRANSCRIPTIONS,
        ("file", b"RIFF", "a.wav"),
        ("model", b"alias"),
        ("stream", b"true"),
        ("timestamp_granularities[]", b"word"),
        ("timestamp_granularities[]", b"segment"),
    )
    data = sent(media_body(asked, OF))
    assert b'name="model"\r\n\r\nup\r\n' in data
    assert b"alias" not in data
    assert b'filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n' in data
    assert b'name="stream"\r\n\r\ntrue\r\n' in data
    assert data.count(b'name="timestamp_granularities[]"') == 2


def test_form_without_a_model_gets_one() -> None:
    data = sent(media_body(uploading(O.IMAGE_EDITS, ("image", b"PNG", "a.png")), OF))
    assert data.endswith(data.partition(b"\r\n")[0] + b"--\r\n")
    assert b'name="model"\r\n\r\nup\r\n' in data


def test_operators_overrides_win_in_a_form() -> None:
    of = offer(
        "a",
        "up",
        overrides=(
            Override(
                values={"language": "de", "temperature": 0, "include[]": ["a", "b"], "x": {"y": 1}},
                removals=(Removal(path=("prompt",)),),
            ),
        ),
    )
    asked = uploading(
        O.TRANSCRIPTIONS, ("language", b"en"), ("prompt", b"secret"), ("file", b"R", "a"),
        ("model", b"alias"),
    )  # fmt: skip
    data = sent(media_body(asked, of))
    assert b'name="language"\r\n\r\nde\r\n' in data
    assert b'name="temperature"\r\n\r\n0\r\n' in data
    assert data.count(b'name="include[]"') == 2
    assert b'name="x"\r\n\r\n{"y":1}\r\n' in data
    assert b"secret" not in data
    assert b"prompt" not in data


# ------------------------------------------------------------------------------ answers


async def test_image_in_json_is_read_and_passed_on() -> None:
    body = msgspec.json.encode(IMAGE)
    answer = await answer_to(asking(O.IMAGES), body)
    assert (answer.whole, answer.content_type) == (body, b"application/json")
    assert answer.usage == Usage(input=10, output=20, images=1)


@pytest.mark.parametrize("kind", ["", "text/plain; charset=utf-8", "application/problem+json"])
async def test_image_in_json_is_known_by_any_name(kind: str) -> None:
    answer = await answer_to(asking(O.IMAGES), msgspec.json.encode(IMAGE), kind=kind)
    assert answer.usage is not None


async def test_model_in_json_is_renamed() -> None:
    body = msgspec.json.encode(IMAGE | {"model": "up"})
    answer = await answer_to(asking(O.IMAGES), body, shown_model="alias")
    assert msgspec.json.decode(answer.whole or b"")["model"] == "alias"


@pytest.mark.parametrize("operation", MEDIA)
async def test_error_inside_a_200_is_a_failure(operation: Operation) -> None:
    error = b'{"error":{"message":"busy","code":"overloaded"}}'
    assert await refusal(asking(operation), error) is FailureKind.UPSTREAM_OVERLOADED
    event = b"event: error\ndata: " + error + b"\n\n"
    kind = await refusal(asking(operation), event, kind="text/event-stream")
    assert kind is FailureKind.UPSTREAM_OVERLOADED


@pytest.mark.parametrize("operation", MEDIA)
@pytest.mark.parametrize(
    ("kind", "pieces"),
    [
        ("text/html", (b"<html>",)),
        ("application/json", ()),
        ("text/event-stream", ()),
        ("text/event-stream", (b": ping\n\n",)),
        ("text/event-stream", (b"data: [DONE]\n\n",)),
        ("text/event-stream", (b"data: hello\n\n",)),
        ("audio/mpeg", ()),
    ],
)
async def test_nothing_is_no_answer(
    operation: Operation, kind: str, pieces: tuple[bytes, ...]
) -> None:
    if kind == "audio/mpeg" and operation in (O.TRANSCRIPTIONS, O.TRANSLATIONS):
        return  # of silence there is nothing to write down
    assert await refusal(asking(operation), *pieces, kind=kind) is FailureKind.UPSTREAM_BAD_REPLY


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_operators_triggers_make_a_failure(kind: str) -> None:
    def check(data: bytes) -> None:
        assert b"BANNED" in data
        raise RelayError(CUT)

    body = b'{"data":[{"url":"BANNED"}]}'
    pieces = body if kind == "application/json" else frame_bytes(body)
    assert await refusal(asking(O.IMAGES), pieces, kind=kind, check=check) is CUT.kind


async def test_sound_is_handed_over_with_its_first_bytes() -> None:
    answer = await answer_to(asking(O.SPEECH), b"\x00\x01", b"\x02", kind="audio/mpeg")
    assert (answer.first, answer.content_type) == (b"\x00\x01", b"audio/mpeg")
    assert isinstance(answer.lane, BytesLane)


async def test_sound_without_a_name_is_binary() -> None:
    answer = await answer_to(asking(O.SPEECH), b"\x00", kind="")
    assert answer.content_type == b"application/octet-stream"


@pytest.mark.parametrize("kind", ["audio/mpeg", "text/event-stream"])
async def test_upstream_that_sends_only_its_head_is_given_up(kind: str) -> None:
    asked = asking(O.SPEECH)
    failure = await refusal(asked, SILENCE, kind=kind, bound_s=0.05)
    assert failure is FailureKind.UPSTREAM_TIMEOUT


@pytest.mark.parametrize("kind", ["audio/mpeg", "text/event-stream", "application/json"])
async def test_answer_cut_before_its_first_bytes_fails_over(kind: str) -> None:
    assert await refusal(asking(O.SPEECH), CUT, kind=kind) is CUT.kind


async def test_transcript_as_text_passes_as_it_comes_even_when_empty() -> None:
    asked = asking(O.TRANSCRIPTIONS, response_format="srt")
    for text in (b"1\n00:00", b""):
        answer = await answer_to(asked, text, kind="text/plain; charset=utf-8")
        assert (answer.first, answer.content_type) == (text, b"text/plain; charset=utf-8")


async def test_events_are_handed_over_with_the_first() -> None:
    pieces = (b": ping\n\n", DONE[:10], DONE[10:] + DONE[:3])
    answer = await answer_to(asking(O.SPEECH, stream=True), *pieces, kind="text/event-stream")
    assert answer.first == b"".join(pieces)
    assert isinstance(answer.lane, EventLane)


async def test_whole_answer_becomes_the_stream_that_was_asked_for() -> None:
    answer = await answer_to(asking(O.IMAGES, stream=True), msgspec.json.encode(IMAGE))
    assert answer.content_type == b"text/event-stream"
    assert (answer.whole or b"").startswith(b"event: image_generation.completed\ndata: {")
    assert answer.usage == Usage(input=10, output=20, images=1)
    answer = await answer_to(asking(O.SPEECH, stream=True), b"\x00", kind="audio/mpeg")
    assert (answer.whole or b"").endswith(DONE)
    asked = asking(O.TRANSCRIPTIONS, stream=True)
    answer = await answer_to(asked, b"hello", kind="text/plain")
    assert b'"text":"hello"' in (answer.whole or b"")


def test_usage_is_estimated_from_what_is_known() -> None:
    lane = BytesLane()
    lane.feed(bytes(400))
    assert estimated(asking(O.SPEECH), 7, lane) == Usage(input=7)
    assert estimated(asking(O.TRANSCRIPTIONS), 7, lane) == Usage(input=7, output=100)
    assert estimated(asking(O.IMAGES), 7, None) == Usage(input=7)
