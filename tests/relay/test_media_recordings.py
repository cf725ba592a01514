"""Every recorded answer with an image, sound or a transcript: passed on unchanged, usage read."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headgate.base.failure import RelayError
from headgate.providers.provider import Operation
from headgate.relay.media import MEDIA, MediaReading
from headgate.relay.media_lanes import BytesLane
from tests.calls import call
from tests.relay.upstreams import FakeResponse

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "recordings"
ROOT = Path(os.environ.get("HEADGATE_RECORDINGS", BESIDE))
pytestmark = pytest.mark.skipif(
    not (ROOT / "index.jsonl").is_file(), reason=f"no recordings at {ROOT}; set HEADGATE_RECORDINGS"
)

OPERATIONS = {
    "images": Operation.IMAGES,
    "speech": Operation.SPEECH,
    "transcriptions": Operation.TRANSCRIPTIONS,
    "translations": Operation.TRANSLATIONS,
}
# Vendors whose answers have a form of their own, which this wire does not speak.
OTHER_WIRES = {"deepgram"}


def recordings() -> Iterator[tuple[Operation, dict[str, Any]]]:
    for line in (ROOT / "index.jsonl").read_text(encoding="utf-8").splitlines():
        entry = msgspec.json.decode(line)
        if entry["endpoint"] in OPERATIONS and entry["status"] == 200:
            data = (ROOT / entry["file"]).read_bytes()
            yield OPERATIONS[entry["endpoint"]], msgspec.json.decode(data)


def body_of(response: dict[str, Any]) -> bytes:
    if "sse" in response:
        return str(response["sse"]).encode()
    if "base64" in response:
        return base64.b64decode(response["base64"] + "===")
    if "text" in response:
        return str(response["text"]).encode()
    return msgspec.json.encode(response["body"])


async def replayed(operation: Operation, response: dict[str, Any]) -> tuple[bytes, Any]:
    """What the caller gets, and the usage that was read."""
    kind = response["headers"].get("content-type", "application/json").encode()
    body, is_stream = body_of(response), kind.startswith(b"text/event-stream")
    asked = call({"model": "m"}, operation=operation, stream=is_stream)
    reading = MediaReading(call=asked, shown_model=None, check=lambda _: None, bound_s=5.0)
    upstream = FakeResponse(body[:100], body[100:], content_type=kind)
    answer = await reading.answer(upstream)
    if answer.lane is None:
        return answer.whole or b"", answer.usage
    out = answer.lane.feed(answer.first)
    while piece := await upstream.read():
        out += answer.lane.feed(piece)
    out += answer.lane.end()
    assert answer.lane.failure is None
    return out, None if isinstance(answer.lane, BytesLane) else answer.lane.usage


async def test_every_recorded_answer_passes_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    seen = dict.fromkeys(MEDIA, 0)
    metered = 0
    for operation, recording in recordings():
        response = recording["response"]
        if recording["provider"] in OTHER_WIRES:
            with pytest.raises(RelayError):
                await replayed(operation, response)
            continue
        out, usage = await replayed(operation, response)
        assert out == body_of(response), recording["id"]
        seen[operation] += 1
        told = response.get("body") or {}
        if operation is Operation.IMAGES:
            assert usage.images == len(told.get("data") or told["images"]), recording["id"]
        if isinstance(told, dict) and "total_tokens" in (told.get("usage") or {}):
            assert usage.total == told["usage"]["total_tokens"], recording["id"]
            metered += 1
        elif isinstance(told, dict) and "seconds" in (told.get("usage") or {}):
            assert usage.audio_seconds == told["usage"]["seconds"], recording["id"]
            metered += 1
        elif "sse" in response:
            assert usage.total > 0, recording["id"]
            metered += 1
    with capsys.disabled():
        counts = ", ".join(f"{count} {operation}" for operation, count in seen.items() if count)
        print(f"\nrecorded images and audio: {counts} unchanged, usage of {metered} to the token")
    assert sum(seen.values()) > 0
