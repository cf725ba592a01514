"""Parts of a turn as content blocks; what cannot be sent is named."""

from __future__ import annotations

import pytest

from headgate.dialects.bedrock_converse.blocks import BlockWriter, acceptable_name, call_id
from headgate.dialects.bedrock_converse.models import rules_of
from headgate.ir.loss import Losses
from headgate.ir.request import (
    Audio,
    CacheMark,
    Citation,
    File,
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Refusal,
    Remote,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Uploaded,
)
from tests.dialects.bedrock_converse.asked import CLAUDE, LLAMA, NOVA, PROOF

PNG = Inline("image/png", "iVBORw0KGgo=")
OURS = "bedrock_converse"


def block(part: Part, role: str = "user", model: str = CLAUDE) -> tuple[list[Json], dict[str, str]]:
    losses = Losses(OURS)
    found = BlockWriter(rules_of(model), losses).blocks(part, role, "p")
    return found, {loss.field: loss.note for loss in losses}


def result(part: ToolResult, model: str = CLAUDE) -> tuple[list[Json], set[str]]:
    losses = Losses(OURS)
    found = BlockWriter(rules_of(model), losses).result(part, "p")
    return found, {loss.field for loss in losses}


@pytest.mark.parametrize(
    ("part", "role", "written"),
    [
        (Text(text="Hi"), "user", {"text": "Hi"}),
        (Image(source=PNG), "user", {"image": {"format": "png", "source": {"bytes": PNG.data}}}),
        (
            Image(source=Inline("image/jpg", "AA==")),
            "user",
            {"image": {"format": "jpeg", "source": {"bytes": "AA=="}}},
        ),
        (
            Image(source=Remote("s3://b/k.webp")),
            "user",
            {"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://b/k.webp"}}}},
        ),
        (
            File(source=Inline("application/pdf", "JVBERg=="), name="a paper (1)"),
            "user",
            {"document": {"format": "pdf", "name": "a paper (1)", "source": {"bytes": "JVBERg=="}}},
        ),
        (
            File(source=Inline("text/x-python; charset=utf-8", "YQ=="), citations_enabled=True),
            "user",
            {
                "document": {
                    "format": "txt",
                    "name": "document",
                    "source": {"bytes": "YQ=="},
                    "citations": {"enabled": True},
                }
            },
        ),
        (
            File(source=Remote("s3://b/k.docx")),
            "user",
            {
                "document": {
                    "format": "docx",
                    "name": "document",
                    "source": {"s3Location": {"uri": "s3://b/k.docx"}},
                }
            },
        ),
        (
            File(source=Inline("video/quicktime", "AA==")),
            "user",
            {"video": {"format": "mov", "source": {"bytes": "AA=="}}},
        ),
        (
            Audio(source=Inline("audio/x-wav", "AA==")),
            "user",
            {"audio": {"format": "wav", "source": {"bytes": "AA=="}}},
        ),
        (
            Thinking(text="Hm", signature=Signature("anthropic", PROOF)),
            "assistant",
            {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": PROOF}}},
        ),
        (
            Thinking(text="Hm", signature=Signature(OURS, "x")),
            "assistant",
            {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "x"}}},
        ),
        (
            Thinking(redacted=True, signature=Signature(OURS, "AAEC")),
            "assistant",
            {"reasoningContent": {"redactedContent": "AAEC"}},
        ),
        (
            ToolCall(call_id="t1", name="f", arguments='{"a":1}'),
            "assistant",
            {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"a": 1}}},
        ),
        (
            Opaque(dialect=OURS, block={"guardContent": {"text": {"text": "x"}}}),
            "user",
            {"guardContent": {"text": {"text": "x"}}},
        ),
        (
            Text(text="x", citations=(Citation(origin=OURS, native={"title": "t"}),)),
            "assistant",
            {"citationsContent": {"content": [{"text": "x"}], "citations": [{"title": "t"}]}},
        ),
    ],
)
def test_parts_are_written_without_loss(part: Part, role: str, written: Json) -> None:
    assert block(part, role) == ([written], {})


@pytest.mark.parametrize(
    ("part", "role"),
    [
        (Text(text="  "), "user"),
        (Image(source=Remote("https://x/y.png")), "user"),
        (Image(source=Inline("image/tiff", "AA==")), "user"),
        (Image(source=PNG), "assistant"),
        (File(source=Uploaded("f1", "anthropic")), "user"),
        (File(source=Inline("application/zip", "AA==")), "user"),
        (Audio(source=Remote("https://x/y.wav")), "user"),
        (Audio(source=Inline("audio/wav", "AA==")), "assistant"),
        (Thinking(text="Hm"), "assistant"),
        (Thinking(text="Hm", signature=Signature("gemini", "x")), "assistant"),
        (Thinking(text="Hm", signature=Signature("anthropic", PROOF)), "user"),
        (ToolCall(call_id="t", name="f"), "user"),
        (Opaque(dialect="anthropic", block={"type": "x"}), "user"),
        (Refusal(text=" "), "assistant"),
        (ToolResult(call_id="t"), "assistant"),
    ],
)
def test_what_has_no_form_is_dropped_and_named(part: Part, role: str) -> None:
    written, lost = block(part, role)
    assert (written, set(lost)) == ([], {"p"})


def test_an_empty_text_is_no_loss() -> None:
    assert block(Text(text="")) == ([], {})


@pytest.mark.parametrize(
    ("part", "role", "written", "lost"),
    [
        (Refusal(text="No."), "assistant", {"text": "No."}, {"p"}),
        (
            Audio(source=Inline("audio/wav", "AA=="), transcript="said"),
            "assistant",
            {"text": "said"},
            {"p"},
        ),
        (
            Text(text="x", signature=Signature("gemini", "s")),
            "user",
            {"text": "x"},
            {"p.signature"},
        ),
        (
            Text(text="x", citations=(Citation(url="https://x"),)),
            "assistant",
            {"text": "x"},
            {"p.citations"},
        ),
        (
            Image(source=PNG, detail="high", signature=Signature("gemini", "s")),
            "user",
            {"image": {"format": "png", "source": {"bytes": PNG.data}}},
            {"p.image_url.detail", "p.signature"},
        ),
        (
            ToolCall(
                call_id="a b", name="a.b", arguments="[1]", signature=Signature("gemini", "s")
            ),
            "assistant",
            {
                "toolUse": {
                    "toolUseId": call_id("a b"),
                    "name": "a_b",
                    "input": {"arguments": "[1]"},
                }
            },
            {"p", "p.name", "p.signature"},
        ),
        (
            File(source=Inline("video/mp4", "AA=="), name="clip"),
            "user",
            {"video": {"format": "mp4", "source": {"bytes": "AA=="}}},
            {"p.name"},
        ),
    ],
)
def test_what_is_sent_in_another_form_is_named(
    part: Part, role: str, written: Json, lost: set[str]
) -> None:
    found, named = block(part, role)
    assert (found, set(named)) == ([written], lost)


def test_claudes_proofs_go_to_claude_alone() -> None:
    part = Thinking(text="Hm", signature=Signature("anthropic", PROOF))
    written, lost = block(part, "assistant", NOVA)
    assert (written, lost) == ([], {"p": "thinking that this vendor has not signed"})


def test_documents_have_names_of_their_own_in_letters_that_are_taken() -> None:
    losses = Losses(OURS)
    writer = BlockWriter(rules_of(CLAUDE), losses)
    paper = Inline("application/pdf", "JVBERg==")
    names = ["", "a/b.pdf", "a/b.pdf", "ok", "ü" * 300]
    files = [File(source=paper, name=name) for name in names]
    written = [writer.blocks(part, "user", f"p{i}")[0] for i, part in enumerate(files)]
    assert [each["document"]["name"] for each in written] == [
        *("document", "a-b-pdf", "a-b-pdf (2)", "ok", "-" * 200)
    ]
    assert [loss.field for loss in losses] == ["p1.name", "p2.name", "p4.name"]


@pytest.mark.parametrize(
    ("mark", "model", "point", "lost"),
    [
        (CacheMark(), CLAUDE, [{"cachePoint": {"type": "default"}}], set()),
        (CacheMark("1h"), CLAUDE, [{"cachePoint": {"type": "default", "ttl": "1h"}}], set()),
        (CacheMark("9d"), CLAUDE, [{"cachePoint": {"type": "default"}}], {"p.cache_control.ttl"}),
        (CacheMark(), NOVA, [{"cachePoint": {"type": "default"}}], set()),
        (CacheMark(), LLAMA, [], {"p.cache_control"}),
    ],
)
def test_a_cache_mark_is_a_block_behind_what_it_marks(
    mark: CacheMark, model: str, point: list[Json], lost: set[str]
) -> None:
    written, named = block(Text(text="x", cache=mark), model=model)
    assert (written, set(named)) == ([{"text": "x"}, *point], lost)


def test_a_result_holds_texts_images_and_documents() -> None:
    part = ToolResult(
        call_id="t",
        content=(
            Text(text="x"),
            Image(source=PNG),
            File(source=Inline("text/csv", "YQ=="), name="n"),
            Opaque(dialect=OURS, block={"json": {"a": 1}}),
        ),
        cache=CacheMark(),
    )
    written, lost = result(part)
    assert lost == set()
    assert written == [
        {
            "toolResult": {
                "toolUseId": "t",
                "content": [
                    {"text": "x"},
                    {"image": {"format": "png", "source": {"bytes": PNG.data}}},
                    {"document": {"format": "csv", "name": "n", "source": {"bytes": "YQ=="}}},
                    {"json": {"a": 1}},
                ],
            }
        },
        {"cachePoint": {"type": "default"}},
    ]


def test_a_failed_result_says_so_where_the_model_can_hear_it() -> None:
    part = ToolResult(call_id="t", content=(Text(text="x"),), is_error=True)
    assert result(part)[0][0]["toolResult"]["status"] == "error"
    written, lost = result(part, LLAMA)
    assert "status" not in written[0]["toolResult"]
    assert lost == {"p.is_error"}


def test_a_result_without_content_says_so_and_sound_is_left_out() -> None:
    sound = Audio(source=Inline("audio/wav", "AA=="))
    written, lost = result(ToolResult(call_id="t", content=(sound, Text(text=""))))
    assert written[0]["toolResult"]["content"] == [{"text": "(no output)"}]
    assert lost == {"p.content[0]"}


def test_a_mark_inside_a_result_moves_behind_it() -> None:
    part = ToolResult(call_id="t", content=(Text(text="x", cache=CacheMark("1h")),))
    written, lost = result(part)
    assert written[1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert lost == {"p.content[0].cache_control"}


@pytest.mark.parametrize(
    ("name", "taken"),
    [("f", True), ("a_b-9", True), ("", False), ("a.b", False), ("x" * 65, False)],
)
def test_names_that_are_taken(name: str, taken: bool) -> None:
    assert acceptable_name(name) is taken


def test_ids_are_kept_or_cleaned_to_the_same_id_every_time() -> None:
    assert call_id("toolu_01.a:b-c") == "toolu_01.a:b-c"
    cleaned = [call_id("é" * 80), call_id("é" * 80), call_id("é" * 81), call_id("")]
    assert cleaned[0] == cleaned[1] != cleaned[2]
    assert all(0 < len(each) <= 64 for each in cleaned)
