"""Recorded provider traffic, read from its folder when somebody asks for it.

Source: the format is described in the README of the recordings folder.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from itertools import accumulate, pairwise
from pathlib import Path

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, json

from headgate.lab.plan import CONTENT_TYPE, Headers, Plan, Send, Step
from headgate.lab.wires.eventstream import EVENTSTREAM_TYPE, message

INDEX = "index.jsonl"
CACHED = 64

# The length and framing of the replay are our own.
FRAMING_HEADERS = {"content-length", "transfer-encoding", "content-encoding", "connection"}


class RecordingError(Exception):
    """There is no such recording, or it cannot be replayed; the text is for the caller."""


class Message(Struct, frozen=True):
    """One message of an AWS event stream."""

    headers: dict[str, str]
    payload: Raw


class Response(Struct, frozen=True):
    """The recorded answer; the README says which of the fields is there when."""

    status: int
    headers: dict[str, str] | None = None
    body: Raw | UnsetType = UNSET
    sse: str | None = None
    ndjson: str | None = None
    text: str | None = None
    base64: str | None = None
    eventstream: list[Message] | None = None  # of AWS, taken apart
    chunk_sizes: list[int] | None = None


class Recording(Struct, frozen=True):
    """One recorded interaction, as far as a replay needs it."""

    id: str
    stream: bool
    response: Response


class _IndexRow(Struct, frozen=True):
    id: str
    file: str


class RecordingFolder:
    """A folder of recordings: the index is kept, the files are read on demand.

    Raises `RecordingError` if the folder cannot be read. Without an index, its files are listed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        try:
            self._files = _files(self._root)
        except (OSError, msgspec.DecodeError) as error:
            raise RecordingError(f"cannot read the recordings in {root}: {error}") from error
        self.read = lru_cache(CACHED)(self._read)

    @property
    def ids(self) -> tuple[str, ...]:
        """All recordings of the folder."""
        return tuple(self._files)

    def _read(self, recording_id: str) -> Recording:
        """Read one recording. Raises `RecordingError` if it is unknown or damaged."""
        name = self._files.get(recording_id)
        if name is None:
            raise RecordingError(f"there is no recording {recording_id!r}")
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root):
            raise RecordingError(f"recording {recording_id!r} lies outside of its folder")
        try:
            return json.decode(path.read_bytes(), type=Recording)
        except (OSError, msgspec.DecodeError) as error:
            raise RecordingError(f"cannot read recording {recording_id!r}: {error}") from error


def _files(root: Path) -> dict[str, str]:
    index = root / INDEX
    if index.exists():
        rows = json.Decoder(_IndexRow).decode_lines(index.read_bytes())
        return {row.id: row.file for row in rows}
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is not a folder")
    return {path.stem: str(path.relative_to(root)) for path in sorted(root.rglob("*.json"))}


def replay(recording: Recording, chunks: str = "whole") -> Plan:
    """Answer as recorded, in one piece, `recorded` chunks, or chunks of so many bytes.

    Raises `RecordingError` if the recording holds no bytes, as those of WebSockets.
    """
    response = recording.response
    data = body_of(recording)
    headers: Headers = tuple(
        (name, value)
        for name, value in (response.headers or {}).items()
        if name.lower() not in FRAMING_HEADERS
        # What was put together again is what it is, whatever the recorder called it.
        and (response.eventstream is None or name.lower() != CONTENT_TYPE)
    )
    if CONTENT_TYPE not in {name.lower() for name, _ in headers}:
        headers = (*headers, (CONTENT_TYPE, _content_type(response)))
    steps: tuple[Step, ...] = tuple(Send(piece) for piece in _cut(data, response, chunks))
    length = None if recording.stream else len(data)
    return Plan(steps, status=response.status, headers=headers, length=length)


def body_of(recording: Recording) -> bytes:
    """The bytes of the recorded answer, JSON without the whitespace of the file."""
    response = recording.response
    for text in (response.sse, response.ndjson, response.text):
        if text is not None:
            return text.encode()
    if response.base64 is not None:
        return base64.b64decode(response.base64)
    if response.eventstream is not None:
        return b"".join(message(each.headers, bytes(each.payload)) for each in response.eventstream)
    if isinstance(response.body, Raw):
        return json.format(bytes(response.body), indent=-1)
    raise RecordingError(f"recording {recording.id!r} holds no bytes that HTTP can replay")


def _content_type(response: Response) -> str:
    if response.sse is not None:
        return "text/event-stream"
    if response.eventstream is not None:
        return EVENTSTREAM_TYPE
    return "application/x-ndjson" if response.ndjson is not None else "application/json"


def _cut(data: bytes, response: Response, chunks: str) -> list[bytes]:
    """Cut the bytes where asked; what the recorded sizes leave over is one more piece."""
    size = chunks.removeprefix("bytes:")
    if size.isdecimal() and int(size) > 0:
        return [data[start : start + int(size)] for start in range(0, len(data), int(size))]
    sizes = (response.chunk_sizes or []) if chunks == "recorded" else []
    borders = [0, *accumulate(sizes), len(data)]
    return [data[start:end] for start, end in pairwise(borders) if start < end]
