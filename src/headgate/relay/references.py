"""Which objects a body names, and which an answer tells of.

The two are read differently, because they are trusted differently. What a caller sends is searched
for everything that any reader could take for an id, however it is escaped or repeated. What an
upstream answers is believed only in the fields that hold ids: all else may be a caller's own words.

Source: platform.openai.com/docs/api-reference (the ids of each object).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

_MOST_REFERENCES = 1_000
_QUOTED = re.compile(rb'"([A-Za-z0-9_-]{4,200})"')
_BARE = re.compile(rb"[A-Za-z0-9_-]{4,200}")
_ID = re.compile(r"[A-Za-z0-9_-]{4,200}")
_MARKED = re.compile(
    r"(?:file|batch|ftjob|ftckpt|asst|assistant|thread|run|step|msg|vs|vsfb?|upload|part|resp|conv"
    r"|cntr|container|cfile|eval)[-_](?=[A-Za-z0-9_-]*[A-Z0-9])[A-Za-z0-9_-]{4,200}"
)
# Only these escapes can hide a letter, a digit, or a mark of an id (RFC 8259 7).
_ESCAPED = re.compile(rb"\\u00([2-7][0-9A-Fa-f])")
_LISTS = ("_ids", "result_files", "vector_stores")
# Here callers write what they like, or strangers do (the schemas of their tools).
_FREE = frozenset(
    {"metadata", "attributes", "parameters", "arguments", "schema", "input_schema", "variables"}
)


def unescaped(data: bytes) -> bytes:
    """Undo the escapes behind which an id could hide; nothing else is JSON afterwards."""
    if b"\\u00" not in data:
        return data
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), data)


def is_marked(text: str) -> bool:
    """Whether a text looks like an id of OpenAI's: a kind, and something random."""
    return _MARKED.fullmatch(text) is not None


def mentioned(body: bytes) -> Iterator[str]:
    """Give every text of a JSON body that could be an id, keys among them, each once."""
    seen = dict.fromkeys(found[1] for found in _QUOTED.finditer(unescaped(body)))
    return (each.decode() for each in seen)


def mentioned_plainly(text: bytes) -> Iterator[str]:
    """Give every word of a form's field that could be an id, each once."""
    return (each.decode() for each in dict.fromkeys(_BARE.findall(unescaped(text))))


def told(answer: bytes) -> tuple[str, list[str]]:
    """Read the id of the object that an answer is, and those of others that it refers to.

    Shape: ("" for none, [...]). Errors: none; what is no object tells of nothing.
    """
    try:
        value = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", []
    if not isinstance(value, dict):
        return "", []
    own = value.get("id")
    if not isinstance(own, str) or not _ID.fullmatch(own):
        own = ""
    return own, list(dict.fromkeys(_ids_in(value)))[:_MOST_REFERENCES]


def _ids_in(value: Any) -> Iterator[str]:
    match value:
        case list():
            for item in value:
                yield from _ids_in(item)
        case dict():
            yield from _fields_of(value)


def _fields_of(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, value in fields.items():
        if isinstance(value, str):
            if (name == "id" or name.endswith("_id")) and is_marked(value):
                yield value
        elif isinstance(value, list) and name.endswith(_LISTS):
            yield from (each for each in value if isinstance(each, str) and is_marked(each))
        elif name not in _FREE:
            yield from _ids_in(value)
