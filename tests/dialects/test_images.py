"""Images: what is an answer, what it used, and the stream that it would have been."""

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind
from headgate.dialects.framing.sse import SseDecoder
from headgate.dialects.images import IMAGE_EDITS, IMAGES
from headgate.dialects.openai_chat.tasks import fields_of
from headgate.ir.usage import Usage

USAGE = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}


def encoded(**body: Any) -> bytes:
    return msgspec.json.encode(body)


@pytest.mark.parametrize(
    "body",
    [
        {"created": 1, "data": [{"url": "https://x"}]},
        {"data": [{"b64_json": "AAAA"}], "error": None},
        {"images": [{"image": "AAAA"}], "inference_time": 1.5},
        {"id": "1", "images": ["AAAA"]},
    ],
)
def test_images_of_every_vendor_are_answers(body: dict[str, Any]) -> None:
    assert IMAGES.inspect_reply(encoded(**body)) is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (encoded(error={"message": "busy", "code": "overloaded"}), FailureKind.UPSTREAM_OVERLOADED),
        (encoded(base_resp={"status_code": 1004, "status_msg": "login fail"}), None),
        (encoded(created=1, data=[]), FailureKind.UPSTREAM_BAD_REPLY),
        (encoded(created=1, data="x"), FailureKind.UPSTREAM_BAD_REPLY),
        (b"{}", FailureKind.UPSTREAM_BAD_REPLY),
        (b"", FailureKind.UPSTREAM_BAD_REPLY),
        (b"[]", FailureKind.UPSTREAM_BAD_REPLY),
    ],
)
def test_errors_and_nothing_are_no_answers(body: bytes, kind: FailureKind | None) -> None:
    failure = IMAGES.inspect_reply(body)
    assert failure is not None
    assert kind is None or failure.kind is kind


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        ({"data": [{}, {}]}, Usage(images=2)),
        ({"data": [{}], "usage": USAGE}, Usage(input=10, output=20, images=1)),
        ({"images": ["", "", ""]}, Usage(images=3)),
        (
            {"type": "image_generation.completed", "b64_json": "AA", "usage": USAGE},
            Usage(input=10, output=20, images=1),
        ),
    ],
)
def test_images_are_counted_beside_the_tokens(body: dict[str, Any], usage: Usage) -> None:
    assert IMAGES.usage(fields_of(encoded(**body)) or {}) == usage


def test_whole_reply_becomes_the_stream_that_was_asked_for() -> None:
    reply = {
        "created": 5,
        "size": "1x1",
        "data": [{"b64_json": "AAAA"}, {"b64_json": "BBBB", "revised_prompt": "p"}],
        "usage": USAGE,
    }
    frames = SseDecoder().feed(IMAGE_EDITS.events(fields_of(encoded(**reply)) or {}))
    kind = "image_edit.completed"
    assert [frame.event for frame in frames] == [kind, kind]
    assert [msgspec.json.decode(frame.data) for frame in frames] == [
        {"type": kind, "size": "1x1", "created_at": 5, "b64_json": "AAAA"},
        {
            "type": kind,
            "size": "1x1",
            "created_at": 5,
            "b64_json": "BBBB",
            "revised_prompt": "p",
            "usage": USAGE,
        },
    ]
    assert IMAGES.events({"data": msgspec.Raw(b"[1]")}) == b""
