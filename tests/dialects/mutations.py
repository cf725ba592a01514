"""Bodies and streams made wrong in the ways that upstreams, proxies and attackers make them.

A change is three numbers, so that hypothesis can draw them, shrink them and print them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from headgate.base.frames import Frame
from headgate.dialects.bridge import WIRES
from headgate.dialects.framing.aws_event_stream import message_bytes
from headgate.dialects.framing.sse import frame_bytes

# Stands in a document for what Python's encoder cannot write.
_RAW: dict[str, bytes] = {
    "@deep": b"[" * 100 + b"]" * 100,
    "@deeper": b'{"a":' * 1100 + b"1" + b"}" * 1100,
    "@deepest": b"[" * 100_000 + b"]" * 100_000,
    "@unclosed": b"[" * 100_000,
    "@huge": b"9" * 400,
    "@beyond": b"1e999",
    "@small": b"-1e-999",
    "@nan": b"NaN",
    "@infinite": b"-Infinity",
    "@surrogate": b'"\\ud800"',
    "@reversed": b'"\\udc00\\ud800x"',
    "@latin": b'"\xe9\xff"',
    "@nul": b'"\\u0000"',
    "@control": b'"\x01\x1f"',
    "@long": b'"' + b"ab\\n" * 20_000 + b'"',
}
_WRONG: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e308, 2**63, -(2**70), "", "x", "null", "0", "😀"),
    *([], {}, [[]], [None], [1], ["x"], {"": None}, {"type": None}, [{}], {"type": "x"}, [[{}]]),
    *({"text": 1}, "data:;base64,", "data:image/png;base64,%%%", "{", '{"a":', "[]", "NaN", 10**30),
    *(" ", "\n\n", "\r", "a\u2028b", "-1", "1e5", [{"type": []}], {"index": -1}, "\x00"),
    *_RAW,
)
_TOKENS = (
    *(b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b'"', b"\\", b"{", b"}", b"["),
    *(b"]", b",", b":", b"null", b"NaN", b"-", b"1e999", b"9" * 400, b"\\ud800", b"\\u0000"),
    *(b"\n", b"\n\n", b"\r", b"data:", b"event: error\n", b"[DONE]", b"\xef\xbb\xbf"),
    *(b"[" * 5000, b"{}", b"a" * 70_000),
)


class Change(NamedTuple):
    """One thing that is made wrong: how, where, and with what; the numbers are taken modulo."""

    kind: str
    where: int
    what: int


class _Twice(dict[str, Any]):
    """An object all of whose keys are written twice."""

    def items(self) -> Any:
        return [*super().items(), *super().items()]


def _flipped(data: bytes, where: int, what: int) -> bytes:
    at = where % max(1, len(data))
    return data[:at] + bytes([data[at] ^ (1 << what % 8)]) + data[at + 1 :] if data else data


def _inserted(data: bytes, where: int, what: int) -> bytes:
    at = where % (len(data) + 1)
    return data[:at] + _TOKENS[what % len(_TOKENS)] + data[at:]


def _cut_out(data: bytes, where: int, what: int) -> bytes:
    at = where % (len(data) + 1)
    return data[:at] + data[at + what % 40 + 1 :]


def _repeated(data: bytes, where: int, what: int) -> bytes:
    at = where % (len(data) + 1)
    return data[:at] + data[max(0, at - what % 200) : at] + data[at:]


def _truncated(data: bytes, where: int, _what: int) -> bytes:
    return data[: where % (len(data) + 1)]


_ON_BYTES: dict[str, Callable[[bytes, int, int], bytes]] = {
    "flip": _flipped,
    "insert": _inserted,
    "cut out": _cut_out,
    "repeat": _repeated,
    "truncate": _truncated,
}
_ON_JSON = ("replace", "replace", "replace", "remove", "borrow", "wrap", "twice", "add")
_ON_FRAMES = ("drop", "double", "swap", "rename", "end early")
BODY_KINDS = (*_ON_BYTES, *_ON_JSON, *_ON_JSON)
STREAM_KINDS = (*_ON_BYTES, *_ON_JSON, *_ON_JSON, *_ON_FRAMES)
_NUMBERS = st.integers(0, 2**20)


def changes(kinds: Sequence[str]) -> st.SearchStrategy[list[Change]]:
    """Draw some changes."""
    one = st.builds(Change, st.sampled_from(kinds), _NUMBERS, _NUMBERS)
    return st.lists(one, min_size=1, max_size=4)


# ------------------------------------------------------------------ bodies


def _nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document: what holds it, and its key there."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _nodes(value[key])


def _written(document: Any) -> bytes:
    data = json.dumps(document, separators=(",", ":")).encode()
    for name, raw in _RAW.items():
        data = data.replace(b'"%b"' % name.encode(), raw)
    return data


def _changed_json(data: bytes, change: Change) -> bytes:
    """Change one place of a JSON document; what is none, or is too deep for Python's, stays."""
    try:
        return _with_change([json.loads(data)], change)
    except (ValueError, RecursionError):
        return data


def _with_change(root: list[Any], change: Change) -> bytes:
    nodes = list(_nodes(root))
    holder, key = nodes[change.where % len(nodes)]
    other_holder, other_key = nodes[change.what % len(nodes)]
    match change.kind:
        case "replace":
            holder[key] = _WRONG[change.what % len(_WRONG)]
        case "remove" if holder is not root:
            del holder[key]
        case "borrow":
            holder[key] = json.loads(json.dumps(other_holder[other_key]))
        case "wrap":
            holder[key] = [holder[key]] if change.what % 2 else {"x": holder[key]}
        case "twice" if isinstance(holder[key], dict):
            holder[key] = _Twice(holder[key])
        case "add" if isinstance(holder[key], dict):
            holder[key][str(other_key)] = _WRONG[change.what % len(_WRONG)]
        case "add" if isinstance(holder[key], list):
            holder[key].append(_WRONG[change.what % len(_WRONG)])
    return _written(root[0])


def changed_body(data: bytes, wished: Sequence[Change]) -> bytes:
    """Make a body wrong."""
    for change in wished:
        on_bytes = _ON_BYTES.get(change.kind)
        if on_bytes is not None:
            data = on_bytes(data, change.where, change.what)
        else:
            data = _changed_json(data, change)
    return data


# ------------------------------------------------------------------ streams

_NAMES = ("", "error", "ping", "message_stop", "contentBlockDelta", "metadata", "Exception", "x\ny")


def _framed(wire: str, frames: Sequence[Frame]) -> bytes:
    if wire == "bedrock_converse":
        return b"".join(
            message_bytes(frame.data, {":event-type": frame.event, ":message-type": "event"})
            for frame in frames
        )
    if wire == "ollama":
        return b"".join(frame.data + b"\n" for frame in frames)
    return b"".join(frame_bytes(frame.data, frame.event) for frame in frames)


def _changed_frames(frames: list[Frame], change: Change) -> list[Frame]:
    at, other = change.where % len(frames), change.what % len(frames)
    match change.kind:
        case "drop":
            del frames[at]
        case "double":
            frames.insert(other, frames[at])
        case "swap":
            frames[at], frames[other] = frames[other], frames[at]
        case "rename":
            name = _NAMES[change.what % len(_NAMES)].replace("\n", "")
            frames[at] = frames[at]._replace(event=name)
        case "end early":
            del frames[at:]
        case _:
            frames[at] = frames[at]._replace(
                data=_changed_json(frames[at].data, change._replace(where=change.what // 64))
            )
    return frames


def changed_stream(wire: str, data: bytes, wished: Sequence[Change]) -> bytes:
    """Make a stream wrong: first its frames, then its bytes."""
    decoder = WIRES[wire].frame_decoder()
    frames = decoder.feed(data) + decoder.end()
    for change in wished:
        if frames and change.kind not in _ON_BYTES:
            frames = _changed_frames(frames, change)
    data = _framed(wire, frames)
    for change in wished:
        if change.kind in _ON_BYTES:
            data = _ON_BYTES[change.kind](data, change.where, change.what)
    return data
