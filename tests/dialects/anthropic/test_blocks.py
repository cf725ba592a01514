"""Content blocks and parts."""

from __future__ import annotations

import base64
import string
from typing import Any

import pytest

from headgate.base.failure import RelayError
from headgate.dialects.anthropic.blocks import (
    decode_block,
    decode_signature,
    encode_citation,
    encode_document_source,
    encode_signature,
    encode_source,
    encode_thinking,
    opened_id,
    put_back,
    sealed_id,
)
from headgate.dialects.leftovers import Leftovers
from headgate.ir.request import (
    CacheMark,
    Citation,
    File,
    Image,
    Inline,
    Opaque,
    Part,
    Remote,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Uploaded,
)

PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": "hi"}, Text(text="hi")),
        (
            {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            Text(text="hi", cache=CacheMark("1h")),
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}},
            Image(source=Remote("https://a/b.png")),
        ),
        (
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
            Image(source=Uploaded("file_1", "anthropic")),
        ),
        (
            {"type": "document", "source": PDF, "title": "a", "citations": {"enabled": True}},
            File(
                source=Inline("application/pdf", "JVBERg=="),
                name="a",
                citations_enabled=True,
            ),
        ),
        (
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "ä"},
            },
            File(source=Inline("text/plain", base64.b64encode("ä".encode()).decode())),
        ),
        (
            {"type": "thinking", "thinking": "hm", "signature": "EqQ"},
            Thinking(text="hm", signature=Signature("anthropic", "EqQ")),
        ),
        ({"type": "thinking", "thinking": "hm", "signature": ""}, Thinking(text="hm")),
        (
            {"type": "redacted_thinking", "data": "EmI"},
            Thinking(redacted=True, signature=Signature("anthropic", "EmI")),
        ),
        (
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1]}},
            ToolCall(call_id="t1", name="f", arguments='{"a":[1]}'),
        ),
        (
            {"type": "tool_use", "id": "t1", "name": "f"},
            ToolCall(call_id="t1", name="f", arguments="{}"),
        ),
        (
            {"type": "tool_result", "tool_use_id": "t1", "content": "ok", "is_error": True},
            ToolResult(call_id="t1", content=(Text(text="ok"),), is_error=True),
        ),
        ({"type": "tool_result", "tool_use_id": "t1"}, ToolResult(call_id="t1")),
        (
            {
                "type": "tool_result",
                "tool_use_id": "t1",
                "content": [{"type": "tool_reference", "tool_name": "f"}],
            },
            ToolResult(
                call_id="t1",
                content=(
                    Opaque(dialect="anthropic", block={"type": "tool_reference", "tool_name": "f"}),
                ),
            ),
        ),
    ],
)
def test_blocks_become_parts(block: dict[str, Any], part: Part) -> None:
    left = Leftovers()
    assert decode_block(block, "b", left) == part
    assert left.found == {}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "document", "source": {"type": "content", "content": "x"}, "title": "t"},
        {"type": "image", "source": {"type": "hologram"}},
        {"no": "type"},
    ],
)
def test_a_block_without_a_word_for_it_stays_whole(block: dict[str, Any]) -> None:
    left = Leftovers()
    assert decode_block(block, "b", left) == Opaque(dialect="anthropic", block=block)
    assert left.found == {}


def test_what_a_known_block_has_beside_is_left_over_by_path() -> None:
    left = Leftovers()
    decode_block(
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "content": [
                {"type": "document", "source": PDF | {"x": 1}, "context": "c"},
            ],
            "y": 2,
        },
        "content[0]",
        left,
    )
    assert left.found == {
        "content[0].content[0].source.x": 1,
        "content[0].content[0].context": "c",
        "content[0].y": 2,
    }


def test_leftovers_are_put_back_where_they_were() -> None:
    block: dict[str, Any] = {"type": "document", "source": {"type": "url", "url": "u"}}
    put_back(block, "c[0]", {"c[0]": {"context": "c"}, "c[0].source": {"x": 1}})
    assert block == {
        "type": "document",
        "source": {"type": "url", "url": "u", "x": 1},
        "context": "c",
    }


def test_a_block_that_lacks_its_name_is_refused_with_its_place() -> None:
    with pytest.raises(RelayError, match=r"missing required field `name` - at `\$\.content\[0\]`"):
        decode_block({"type": "tool_use", "id": "t"}, "content[0]", Leftovers())


def test_anothers_signature_travels_in_an_envelope() -> None:
    signature = Signature("gemini", "CiQB.x/+=")
    assert decode_signature(encode_signature(signature)) == signature
    assert encode_signature(signature) != signature.value


def test_the_vendors_own_signature_is_not_touched() -> None:
    assert encode_signature(Signature("anthropic", "EqQ")) == "EqQ"
    assert decode_signature("EqQ") == Signature("anthropic", "EqQ")
    assert encode_signature(None) == ""
    assert decode_signature("") is None


def test_a_broken_envelope_proves_nothing() -> None:
    assert decode_signature("hg1.thinking") is None


def test_anothers_proof_on_a_call_travels_in_its_id() -> None:
    call = ToolCall(call_id="call_1", name="f", signature=Signature("gemini", "CiQB/+=="))
    call_id = sealed_id(call)
    assert set(call_id) <= set(string.ascii_letters + string.digits + "_-")
    assert opened_id(call_id) == ("call_1", call.signature)
    left = Leftovers()
    block = {"type": "tool_use", "id": call_id, "name": "f", "input": {}}
    part = decode_block(block, "", left)
    result = decode_block({"type": "tool_result", "tool_use_id": call_id}, "", left)
    assert part == ToolCall(call_id="call_1", name="f", arguments="{}", signature=call.signature)
    assert result == ToolResult(call_id="call_1")


@pytest.mark.parametrize("call_id", ["toolu_1", "", "a__hg1__gemini__A"])
def test_an_id_without_a_proof_is_just_an_id(call_id: str) -> None:
    assert opened_id(call_id) == (call_id, None)
    assert sealed_id(ToolCall(call_id=call_id, name="f")) == call_id


def test_redacted_thinking_keeps_its_data() -> None:
    part = Thinking(redacted=True, signature=Signature("anthropic", "EmI"))
    assert encode_thinking(part) == {"type": "redacted_thinking", "data": "EmI"}


def test_a_citation_of_another_vendor_keeps_its_address() -> None:
    wire = encode_citation(Citation(url="https://a", title="A", origin="openai_chat", native={}))
    assert wire is not None
    assert (wire["type"], wire["url"], wire["title"]) == (
        "web_search_result_location",
        "https://a",
        "A",
    )
    assert encode_citation(Citation(title="A")) is None


def test_sources_that_the_vendor_cannot_read_are_told() -> None:
    assert encode_source(Remote("gs://bucket/a.png")) is None
    assert encode_source(Uploaded("f", "openai_chat")) is None
    assert encode_document_source(Inline("application/zip", "UEs=")) is None
    assert encode_document_source(Inline("text/plain", "%%%")) is None


def test_a_text_document_goes_as_text() -> None:
    data = base64.b64encode("grüße".encode()).decode()
    assert encode_document_source(Inline("text/markdown", data)) == {
        "type": "text",
        "media_type": "text/plain",
        "data": "grüße",
    }
