from __future__ import annotations

from typing import Any

import pytest

from headgate.base.failure import RelayError
from headgate.dialects.leftovers import Leftovers
from headgate.dialects.media import source_of_url
from headgate.dialects.openai_responses.content import (
    citation_of,
    is_plain,
    own_annotations,
    read_content,
    read_part,
    write_part,
)
from headgate.dialects.strict_json import Reader
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Audio,
    CacheMark,
    Citation,
    File,
    Image,
    Inline,
    Opaque,
    Part,
    Refusal,
    Remote,
    Signature,
    Text,
    Thinking,
    Uploaded,
)


def read(block: Any) -> Part:
    return read_part(block, "input[0].content[0]", "content[0]", Leftovers())


def written(part: Part) -> tuple[Any, list[str]]:
    losses = Losses("openai_responses")
    block = write_part(part, "messages[0].content[0]", losses)
    prefix = "messages[0].content[0]"
    return block, [loss.field.removeprefix(prefix) for loss in losses]


PARTS = [
    ({"type": "input_text", "text": "hi"}, Text(text="hi")),
    (
        {"type": "input_image", "image_url": "https://a/b.png", "detail": "low"},
        Image(source=Remote("https://a/b.png"), detail="low"),
    ),
    (
        {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
        Image(source=Inline("image/png", "AA==")),
    ),
    (
        {"type": "input_image", "file_id": "file-1"},
        Image(source=Uploaded("file-1", "openai_responses")),
    ),
    (
        {
            "type": "input_file",
            "file_data": "data:application/pdf;base64,AA==",
            "filename": "a.pdf",
        },
        File(source=Inline("application/pdf", "AA=="), name="a.pdf"),
    ),
    ({"type": "input_file", "file_url": "https://a/b.pdf"}, File(source=Remote("https://a/b.pdf"))),
    (
        {"type": "input_file", "file_id": "file-1"},
        File(source=Uploaded("file-1", "openai_responses")),
    ),
    (
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
        Audio(source=Inline("audio/mpeg", "AA==")),
    ),
    (
        {"type": "input_new", "x": 1},
        Opaque(dialect="openai_responses", block={"type": "input_new", "x": 1}),
    ),
]


@pytest.mark.parametrize(("block", "part"), PARTS)
def test_parts_are_read_and_written(block: Any, part: Part) -> None:
    assert read(block) == part
    assert written(part) == (block, [])


def test_bare_base64_is_typed_by_its_name() -> None:
    part = read({"type": "input_file", "file_data": "AA==", "filename": "a.txt"})
    assert part == File(source=Inline("text/plain", "AA=="), name="a.txt")


def test_data_without_a_name_gets_one() -> None:
    block, _ = written(File(source=Inline("application/pdf", "AA==")))
    assert block["filename"] == "file.pdf"


def test_chats_spelling_of_an_image_is_read() -> None:
    part = read({"type": "input_image", "image_url": {"url": "https://a"}})
    assert part == Image(source=Remote("https://a"))


@pytest.mark.parametrize(
    "block",
    [
        {"type": "input_image"},
        {"type": "input_file"},
        {"type": "input_text"},
        {"type": "input_text", "text": 5},
        {"type": "input_audio"},
        5,
    ],
)
def test_a_part_without_what_its_kind_needs_is_refused(block: Any) -> None:
    with pytest.raises(RelayError) as refusal:
        read(block)
    assert str(refusal.value.failure.param).startswith("input[0].content[0]")


def test_unknown_fields_are_kept_by_their_path() -> None:
    left = Leftovers()
    block = {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}
    read_part(block, "input[0].content[0]", "content[0]", left)
    assert left.found == {"content[0].prompt_cache_breakpoint": {"mode": "explicit"}}


def test_content_is_a_text_or_parts() -> None:
    left = Leftovers()
    assert read_content(Reader({"content": "a"}), "content", "content", left) == [Text(text="a")]
    assert read_content(Reader({}), "content", "content", left) == []
    with pytest.raises(RelayError):
        read_content(Reader({"content": 5}), "content", "content", left)


@pytest.mark.parametrize(
    ("part", "lost"),
    [
        (Text(text="a", cache=CacheMark()), [".cache_control"]),
        (Text(text="a", signature=Signature("gemini", "s")), [".signature"]),
        (Text(text="a", citations=(Citation(url="u"),)), [".citations"]),
        (Image(source=Remote("u"), cache=CacheMark()), [".cache_control"]),
        (File(source=Remote("u"), name="n", citations_enabled=True), [".citations", ".filename"]),
        (Refusal(text="no"), [""]),
    ],
)
def test_what_is_lost_of_a_part_is_named(part: Part, lost: list[str]) -> None:
    block, found = written(part)
    assert block is not None
    assert found == lost


@pytest.mark.parametrize(
    "part",
    [
        Image(source=Uploaded("f", "gemini")),
        File(source=Uploaded("f", "anthropic")),
        Opaque(dialect="anthropic", block={}),
        Thinking(text="a"),
    ],
)
def test_a_part_that_cannot_be_sent_is_named(part: Part) -> None:
    assert written(part) == (None, [""])


def test_files_uploaded_through_chat_are_in_the_same_store() -> None:
    assert written(File(source=Uploaded("f", "openai_chat")))[0] == {
        "type": "input_file",
        "file_id": "f",
    }


def test_only_own_citations_go_back() -> None:
    native = {"type": "url_citation", "url": "u"}
    losses = Losses("openai_responses")
    own = Citation(url="u", origin="openai_responses", native=native)
    text = Text(text="a", citations=(own, Citation(url="v")))
    assert own_annotations(text, "p", losses) == [native]
    assert [loss.field for loss in losses] == ["p.citations"]


def test_annotations_are_links_or_files() -> None:
    note = {"type": "url_citation", "url": "u", "title": "t", "start_index": 1, "end_index": 2}
    assert citation_of(note) == Citation(
        url="u", title="t", start=1, end=2, origin="openai_responses", native=note
    )
    assert citation_of({"type": "file_citation", "filename": "f"}).title == "f"


def test_a_data_url_that_is_not_base64_stays_a_url() -> None:
    assert source_of_url("data:text/plain,hi") == Remote("data:text/plain,hi")


def test_one_text_is_plain() -> None:
    assert is_plain([{"type": "input_text", "text": "a"}])
    assert not is_plain([{"type": "input_text", "text": "a", "x": 1}])
    assert not is_plain([{"type": "input_text", "text": "a"}] * 2)
