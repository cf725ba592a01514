from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec import json

from headgate.lab.plan import Send
from headgate.lab.recordings import RecordingError, RecordingFolder, body_of, replay

FOLDER = Path(
    os.environ.get("HEADGATE_RECORDINGS", Path(__file__).parents[3] / "shared" / "recordings")
)
SSE = "data: {}\n\ndata: [DONE]\n\n"


def folder(
    root: Path, response: object, *, stream: bool = False, index: str = "a.json"
) -> RecordingFolder:
    (root / "a.json").write_bytes(json.encode({"id": "a", "stream": stream, "response": response}))
    (root / "index.jsonl").write_bytes(json.encode({"id": "a", "file": index}) + b"\n")
    return RecordingFolder(root)


def pieces(root: Path, response: dict[str, object], chunks: str) -> list[bytes]:
    recording = folder(root, {"status": 200, **response}, stream=True).read("a")
    return [step.data for step in replay(recording, chunks).steps if isinstance(step, Send)]


def test_a_json_answer_keeps_its_numbers_and_loses_the_whitespace_of_the_file(
    tmp_path: Path,
) -> None:
    body = '{"n": 1e-05,\n "m": 12345678901234567890123}'
    text = f'{{"id": "a", "stream": false, "response": {{"status": 200, "body": {body}}}}}'
    (tmp_path / "a.json").write_text(text)
    plan = replay(RecordingFolder(tmp_path).read("a"))
    assert plan.steps == (Send(b'{"n":1e-05,"m":12345678901234567890123}'),)
    assert plan.length == 39
    assert plan.headers == (("content-type", "application/json"),)


def test_status_and_headers_are_replayed_without_the_framing(tmp_path: Path) -> None:
    headers = {"Content-Type": "text/x", "retry-after": "3", "Content-Length": "9"}
    recording = folder(tmp_path, {"status": 429, "headers": headers, "text": "no"}).read("a")
    plan = replay(recording)
    assert (plan.status, plan.length) == (429, 2)
    assert plan.headers == (("Content-Type", "text/x"), ("retry-after", "3"))


@pytest.mark.parametrize(
    ("chunks", "sizes"),
    [("whole", [24]), ("recorded", [3, 10, 11]), ("bytes:10", [10, 10, 4]), ("7", [7, 7, 7, 3])],
)
def test_a_stream_is_cut_where_asked(tmp_path: Path, chunks: str, sizes: list[int]) -> None:
    cut = pieces(tmp_path, {"sse": SSE, "chunk_sizes": [3, 10, 11]}, chunks)
    assert [len(piece) for piece in cut] == sizes
    assert b"".join(cut) == SSE.encode()


def test_without_recorded_chunks_a_stream_comes_whole(tmp_path: Path) -> None:
    assert pieces(tmp_path, {"sse": SSE}, "recorded") == [SSE.encode()]


def test_binary_answers_and_json_lines_are_bytes(tmp_path: Path) -> None:
    assert pieces(tmp_path, {"base64": "AAEC"}, "whole") == [b"\0\1\2"]
    assert pieces(tmp_path, {"ndjson": "{}\n"}, "whole") == [b"{}\n"]


def test_a_recording_without_bytes_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no bytes"):
        body_of(folder(tmp_path, {"status": 200}).read("a"))


def test_an_unknown_id_and_a_missing_folder_say_so(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no recording 'b'"):
        folder(tmp_path, {"status": 200}).read("b")
    with pytest.raises(RecordingError, match="cannot read the recordings"):
        RecordingFolder(tmp_path / "absent")


def test_a_damaged_file_and_a_file_outside_say_so(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(RecordingError, match="cannot read recording"):
        folder(inside, {"status": "x"}).read("a")
    with pytest.raises(RecordingError, match="outside"):
        folder(inside, {"status": 200}, index="../a.json").read("a")


def test_every_recording_over_http_can_be_replayed() -> None:
    if not FOLDER.is_dir():
        pytest.skip("no recordings: set HEADGATE_RECORDINGS to their folder")
    recordings = RecordingFolder(FOLDER)
    silent = []
    for recording_id in recordings.ids:
        recording = recordings.read(recording_id)
        try:
            body = body_of(recording)
        except RecordingError:
            silent.append(recording_id)
            continue
        steps = replay(recording, "recorded").steps
        assert b"".join(step.data for step in steps if isinstance(step, Send)) == body
    assert recordings.ids
    # Frames of a WebSocket.
    assert silent == ["iflytek-ws-chat-stream-0584cd3530"]
