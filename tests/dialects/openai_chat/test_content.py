from __future__ import annotations

from typing import Any

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.leftovers import Leftovers
from headgate.dialects.openai_chat.content import read_cache_mark, read_content
from headgate.ir.request import (
    Audio,
    CacheMark,
    File,
    Image,
    Inline,
    Opaque,
    Part,
    Refusal,
    Remote,
    Text,
    Thinking,
    Uploaded,
)

MARK = {"type": "ephemeral", "ttl": "1h"}


@pytest.mark.parametrize(
    ("content", "parts"),
    [(None, []), ("a", [Text(text="a")]), ("", [Text(text="")]), ([], [])],
)
def test_content_may_be_nothing_a_text_or_a_list(content: Any, parts: list[Part]) -> None:
    assert read_content(content, "messages[0]", Leftovers()) == parts


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ("a", Text(text="a")),
        (
            {"type": "text", "text": "a", "cache_control": MARK},
            Text(text="a", cache=CacheMark("1h")),
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://a.example/b", "detail": "low"}},
            Image(source=Remote("https://a.example/b"), detail="low"),
        ),
        (
            {"type": "image_url", "image_url": "data:image/png;base64,AA"},
            Image(source=Inline("image/png", "AA")),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
            Audio(source=Inline("audio/mpeg", "AA")),
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/plain;base64,AA", "filename": "a"}},
            File(source=Inline("text/plain", "AA"), name="a"),
        ),
        (
            {"type": "file", "file": {"file_data": "JVBERi0="}},
            File(source=Inline("application/pdf", "JVBERi0=")),
        ),
        ({"type": "file", "file": {"file_id": "x"}}, File(source=Uploaded("x", "openai_chat"))),
        (
            {"type": "video_url", "video_url": {"url": "https://a.example/b.webm"}},
            File(source=Remote("https://a.example/b.webm", "video/webm")),
        ),
        ({"type": "refusal", "refusal": "no"}, Refusal(text="no")),
        ({"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}, Thinking(text="t")),
        (
            {"type": "document_url", "document_url": "u"},
            Opaque(dialect="openai_chat", block={"type": "document_url", "document_url": "u"}),
        ),
    ],
)
def test_content_parts_of_every_kind(block: Any, part: Part) -> None:
    left = Leftovers()
    assert read_content([block], "messages[0]", left) == [part]
    assert left.found == {}


def test_a_parts_unknown_fields_are_kept_by_their_path() -> None:
    left = Leftovers()
    block = {"type": "text", "text": "a", "prompt_cache_breakpoint": True, "image_url": None}
    read_content(["b", block], "messages[0]", left)
    assert left.found == {"content[1].prompt_cache_breakpoint": True}


@pytest.mark.parametrize(
    ("block", "place"),
    [
        (7, ""),
        ({"type": "text"}, ".text"),
        ({"type": "text", "text": 7}, ".text"),
        ({"type": "image_url"}, ".image_url"),
        ({"type": "image_url", "image_url": {}}, ".image_url.url"),
        ({"type": "input_audio"}, ".input_audio"),
        ({"type": "input_audio", "input_audio": {}}, ".input_audio.data"),
        ({"type": "file"}, ".file"),
        ({"type": "file", "file": {}}, ".file.file_data"),
        ({"type": "video_url", "video_url": "u"}, ".video_url"),
        ({"type": "video_url", "video_url": {}}, ".video_url.url"),
        ({"type": "refusal"}, ".refusal"),
        ({"type": "thinking"}, ".thinking"),
    ],
)
def test_a_broken_part_is_refused_with_its_place(block: Any, place: str) -> None:
    with pytest.raises(RelayError) as raised:
        read_content(["a", block], "messages[3]", Leftovers())
    assert raised.value.failure.kind is FailureKind.INVALID_REQUEST
    assert raised.value.failure.param == f"messages[3].content[1]{place}"


@pytest.mark.parametrize(
    ("cache_control", "mark"),
    [
        (MARK, CacheMark(ttl="1h")),
        ({"type": "ephemeral"}, CacheMark()),
        (None, None),
        ("ephemeral", None),
    ],
)
def test_a_cache_mark_is_read(cache_control: Any, mark: CacheMark | None) -> None:
    assert read_cache_mark(cache_control) == mark
