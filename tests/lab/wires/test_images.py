from __future__ import annotations

import base64
import hashlib
import struct
from typing import Any

import pytest

from headgate.lab.wires.images import edits, generations, inputs, variations
from tests.lab.asking import decoded, events, other, sent

CAT = ("image", "cat.png", "image/png", b"\x89PNG cat")
CAT_HASH = hashlib.sha256(b"\x89PNG cat").hexdigest()


def size_of(packed: str) -> tuple[int, ...]:
    return struct.unpack(">II", base64.b64decode(packed)[16:24])


def test_images_have_the_size_and_number_asked_for() -> None:
    reply = decoded(
        generations(other("images", model="gpt-image-1", prompt="a", n=2, size="64x32"))
    )
    assert [size_of(image["b64_json"]) for image in reply["data"]] == [(64, 32)] * 2
    assert reply["data"][0]["b64_json"] != reply["data"][1]["b64_json"]
    usage = reply["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] == 1 + 2 * 272


@pytest.mark.parametrize(
    ("model", "response_format", "key", "has_usage"),
    [
        ("gpt-image-1", None, "b64_json", True),
        ("gpt-image-1", "url", "url", True),
        ("dall-e-3", None, "url", False),
        ("dall-e-2", "b64_json", "b64_json", False),
    ],
)
def test_old_models_give_a_link_and_no_usage(
    model: str, response_format: str | None, key: str, has_usage: bool
) -> None:
    asked = other("images", model=model, prompt="a", response_format=response_format)
    reply = decoded(generations(asked))
    assert (key in reply["data"][0], "usage" in reply) == (True, has_usage)


def test_partial_images_come_before_the_whole_one() -> None:
    asked = other("images", prompt="a", size="8x8", stream=True, partial_images=2)
    data = sent(generations(asked))
    kinds = [event["type"].removeprefix("image_generation.") for event in events(data)]
    assert kinds == ["partial_image", "partial_image", "completed"]
    assert [event.get("partial_image_index") for event in events(data)] == [0, 1, None]
    assert events(data)[-1]["usage"]["total_tokens"] == 273
    assert data.startswith(b"event: image_generation.partial_image\ndata: ")


def test_an_edit_tells_what_files_have_arrived() -> None:
    reply = decoded(edits(other("image_edits", ("prompt", "green"), CAT, ("n", "2"))))
    assert len(reply["data"]) == 2
    about = reply["data"][0]["revised_prompt"]
    assert about == f"ok1: green; image cat.png 8 bytes {CAT_HASH}"
    streamed = other("image_edits", ("prompt", "green"), CAT, ("stream", "true"))
    assert [event["type"] for event in events(sent(edits(streamed)))] == ["image_edit.completed"]


@pytest.mark.parametrize(
    ("images", "told"),
    [
        ([{"image_url": "https://a/b.png"}], ["image_url https://a/b.png"]),
        ([{"file_id": "file-1"}, 7], ["file_id file-1"]),
        ({"file_id": "file-1"}, ["file_id file-1"]),
        ("nothing", []),
    ],
)
def test_an_edit_in_json_points_to_its_images(images: Any, told: list[str]) -> None:
    assert inputs(other("image_edits", prompt="a", images=images)) == told


def test_a_variation_needs_an_image_and_no_prompt() -> None:
    assert variations(other("image_variations", ("n", "1"))).status == 400
    assert (
        CAT_HASH in decoded(variations(other("image_variations", CAT)))["data"][0]["revised_prompt"]
    )


def test_what_lacks_is_named() -> None:
    assert "prompt" in decoded(generations(other("images")))["error"]["message"]
    assert "prompt" in decoded(edits(other("image_edits", CAT)))["error"]["message"]
    assert "image" in decoded(edits(other("image_edits", prompt="a")))["error"]["message"]
