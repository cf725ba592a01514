"""The top level of a JSON body, and exactly where it is wrong when it is.

Only the top level is decoded: what a pass-through does not change stays the caller's own bytes
(architecture.md 5). msgspec reads the grammar; UTF-8 inside strings, depth, and keys given twice,
which it lets pass, are checked here (reliability.md F-C12 to F-C16).
"""

from __future__ import annotations

import codecs
import re
from itertools import accumulate

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.fields import runs

MAX_DEPTH = 128
MAX_NODES = 200_000
MAX_KEYS = 1_000  # at the top level; the widest dialect knows about sixty

_SHORTEST_NODE = 2  # "1,": so many bytes at least does every value take
_LARGE = 1 << 14
_MOSTLY = 4
_BRACKETS = (b"[", b"]", b"{", b"}")
_RARE = 1000
_STEP = 1 << 20  # bytes looked at in one go: a large body is never copied whole
_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_KEY = msgspec.json.Decoder(str)
_BYTE = re.compile(r" \(byte (\d+)\)$")
_NAME = re.compile(rb'[ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:[ \t\r\n]*')
_COMMA = re.compile(rb"[ \t\r\n]*,")
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def decode_fields(body: bytes) -> dict[str, msgspec.Raw]:
    """Read a JSON object's top level; values stay as they were written.

    Errors: `RelayError` with INVALID_JSON and the place for what is no JSON; INVALID_REQUEST for
    JSON that is no object, too deep, too large in number of values, or has a key twice.
    """
    if not body.isascii():
        _check_utf8(body)
    try:
        fields = _FIELDS.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid_request(f"The body must be a JSON object: {error}.") from None
    except msgspec.DecodeError as error:
        raise _broken(body, str(error)) from None
    except RecursionError:
        raise _too_deep() from None
    openings = _count(body, b"[") + _count(body, b"{")
    if len(body) > MAX_NODES * _SHORTEST_NODE and openings + _count(body, b",") > MAX_NODES:
        _Scan(0).read(memoryview(body))
    elif openings > MAX_DEPTH:
        _check_depth(body, fields)
    _check_keys(body, fields)
    return fields


def place(body: bytes, offset: int) -> str:
    """Name a byte for a person: lines and columns count from 1, and a column is a byte."""
    line = body.count(b"\n", 0, offset) + 1
    column = offset - (body.rfind(b"\n", 0, offset) + 1) + 1
    return f"line {line} column {column} (byte {offset})"


def _check_utf8(body: bytes) -> None:
    """Refuse invalid UTF-8; in steps, so that a large body is not doubled in memory."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(body), _STEP):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(body[start : start + _STEP], start + _STEP >= len(body))
        except UnicodeDecodeError as error:
            where = place(body, start - pending + error.start)
            raise _invalid_json(f"The body is not UTF-8: {error.reason} at {where}.") from None
    if body.startswith(_BOM):
        raise _invalid_json("The body starts with a byte order mark, which JSON does not allow.")


def _count(data: bytes, byte: bytes) -> int:
    """Count a byte.

    Where it is rare, as beside images, going from one to the next costs a tenth of looking at all.
    """
    if len(data) < _LARGE:
        return data.count(byte)
    found, position = 0, data.find(byte)
    while position >= 0:
        found += 1
        if found == _RARE:
            return found + data.count(byte, position + 1)
        position = data.find(byte, position + 1)
    return found


def _check_depth(body: bytes, fields: dict[str, msgspec.Raw]) -> None:
    """Refuse what is too deep.

    A long conversation has many brackets, but each message and tool few, and so cannot be deep:
    only what has many of its own is scanned. What is mostly images is scanned without them.
    """
    short = _without_images(body)
    if len(short) <= len(body) // _MOSTLY:
        _Scan(0).read(memoryview(short))
        return
    for value in fields.values():
        first = bytes(memoryview(value)[:1])
        if first == b'"':
            continue
        is_list = first == b"["
        for item in _ITEMS.decode(value) if is_list else [value]:
            if _openings(memoryview(item)) > MAX_DEPTH - 2:
                _Scan(2 if is_list else 1).read(memoryview(item))


def _without_images(body: bytes) -> bytes:
    """Leave out what is long, without a quote and without a bracket: it changes no depth."""
    pieces: list[bytes] = []
    at = 0
    for start, end in runs(body):
        if all(body.find(bracket, start, end) < 0 for bracket in _BRACKETS):
            pieces.append(body[at:start])
            at = end
    return b"".join([*pieces, body[at:]]) if pieces else body


def _openings(item: memoryview) -> int:
    """Count opening brackets, in steps: a large message is not copied whole."""
    steps = (bytes(item[start : start + _STEP]) for start in range(0, len(item), _STEP))
    return sum(_count(step, b"[") + _count(step, b"{") for step in steps)


class _Scan:
    """Count levels and values outside of strings, linear in time and in steps of bounded size.

    Escaped backslashes and quotes are taken out first; what is then left between every second
    pair of quotes is outside. All of it runs in C.
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._nodes = 0

    def read(self, text: memoryview) -> None:
        """Refuse valid JSON that is too deep or holds too many values."""
        in_string = False
        half_escape = b""
        for start in range(0, len(text), _STEP):
            window = half_escape + bytes(text[start : start + _STEP])
            half_escape = b"\\" if (len(window) - len(window.rstrip(b"\\"))) % 2 else b""
            plain = window[: len(window) - len(half_escape)]
            parts = plain.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
            self._count(b"".join(parts[1 if in_string else 0 :: 2]))
            in_string ^= len(parts) % 2 == 0

    def _count(self, outside: bytes) -> None:
        brackets = outside.translate(None, _NOT_BRACKETS)
        self._nodes += brackets.count(b"[") + brackets.count(b"{") + outside.count(b",")
        if self._nodes > MAX_NODES:
            raise _invalid_request(f"The body holds more than {MAX_NODES:,} values.")
        depths = list(accumulate(map(_STEPS.__getitem__, brackets), initial=self._depth))
        if max(depths) > MAX_DEPTH:
            raise _too_deep()
        self._depth = depths[-1]


def _check_keys(body: bytes, fields: dict[str, msgspec.Raw]) -> None:
    """Refuse a key given twice: which one counts would differ from parser to parser (F-C15).

    Written out again, in the two usual ways, without a repetition, the parts give the body's own
    length or bytes. Only for another layout the top level is walked.
    """
    count = len(fields)
    if count > MAX_KEYS:
        raise _invalid_request(f"The body has more than {MAX_KEYS:,} keys.")
    # Two braces, and quotes, colon and comma for each key but the last one's comma.
    compact = 1 + 4 * count + sum(map(len, fields))
    for value in fields.values():
        compact += len(memoryview(value))
    spare = len(body) - compact
    if spare == 0:
        return
    if spare == 2 * count - 1 and len(body) < _STEP:  # a space after each colon and comma
        members = [b'"%b": %b' % (key.encode(), value) for key, value in fields.items()]
        if body == b"{%b}" % b", ".join(members):
            return
    _walk_keys(body, fields)


def _walk_keys(body: bytes, fields: dict[str, msgspec.Raw]) -> None:
    """Step through the top level, over each value by its length as `fields` knows it.

    Where the body holds another value than `fields`, the key comes again further on.
    """
    position = body.index(b"{") + 1
    seen: set[str] = set()
    while (found := _NAME.match(body, position)) is not None:
        key = _KEY.decode(found[1])
        value = fields[key]
        position = found.end()
        if key in seen or not _holds(body, position, value):
            raise _invalid_request(
                f"Duplicate key `{key[:64]}` at {place(body, found.start(1))}.",
                key,
                "duplicate_key",
            )
        seen.add(key)
        comma = _COMMA.match(body, position + len(memoryview(value)))
        if comma is None:
            return
        position = comma.end()


def _holds(body: bytes, position: int, value: msgspec.Raw) -> bool:
    """Whether exactly this value stands at the position, and not one that begins like it."""
    after = position + len(memoryview(value))
    return body.startswith(value, position) and body[after : after + 1] in b",}" + _SPACE


def _too_deep() -> RelayError:
    return _invalid_request(f"The body is nested more than {MAX_DEPTH} levels deep.")


def _broken(body: bytes, reason: str) -> RelayError:
    if not body.strip(_SPACE):
        return _invalid_json("The body is empty; a JSON object is expected.")
    found = _BYTE.search(reason)
    if found is None:
        return _invalid_json(f"Broken JSON: it ends too early, at {place(body, len(body))}.")
    offset = int(found[1])
    reason = reason[: found.start()].removeprefix("JSON is malformed: ")
    if reason == "trailing characters":  # msgspec names the byte behind the first of them
        offset -= 1
    return _invalid_json(f"Broken JSON: {reason} at {place(body, offset)}.")


def _invalid_json(message: str) -> RelayError:
    return RelayError(Failure(kind=FailureKind.INVALID_JSON, message=message))


def _invalid_request(message: str, param: str | None = None, code: str | None = None) -> RelayError:
    failure = Failure(kind=FailureKind.INVALID_REQUEST, message=message, param=param, code=code)
    return RelayError(failure)
