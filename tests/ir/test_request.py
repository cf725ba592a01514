from __future__ import annotations

import msgspec
import pytest

from headgate.ir.request import (
    ChatRequest,
    File,
    Inline,
    Part,
    Remote,
    Source,
    Text,
    ToolChoice,
    ToolResult,
    Turn,
    Uploaded,
)


@pytest.mark.parametrize(
    "source",
    [
        Inline("image/png", "AAAA"),
        Remote("https://example.com/a.png"),
        Uploaded("file-1", "gemini"),
    ],
)
def test_a_source_is_told_apart_by_its_tag(source: Source) -> None:
    assert msgspec.json.decode(msgspec.json.encode(source), type=Source) == source


def test_parts_survive_being_written_down() -> None:
    turn = Turn(
        role="tool",
        parts=(
            ToolResult(call_id="c", content=(Text(text="5"),), is_error=True),
            File(source=Inline("application/pdf", "AAAA"), name="a.pdf"),
        ),
    )
    written = msgspec.json.encode(turn)
    assert msgspec.json.decode(written, type=Turn) == turn
    assert b'"type":"tool_result"' in written


def test_an_unknown_kind_of_part_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"type":"hologram"}', type=Part)


def test_what_the_caller_did_not_set_is_not_written() -> None:
    request = ChatRequest(model="m", turns=())
    assert msgspec.json.encode(request) == b'{"model":"m","turns":[]}'


def test_a_request_cannot_be_changed_by_whom_it_is_handed_to() -> None:
    request = ChatRequest(model="m", turns=())
    with pytest.raises(AttributeError):
        request.model = "other"  # type: ignore[misc]  # what this test is about


@pytest.mark.parametrize(
    ("choice", "allowed"),
    [
        (ToolChoice(mode="auto"), ["a", "b"]),
        (ToolChoice(mode="required", allowed=("b",)), ["b"]),
        (ToolChoice(mode="tool", name="a"), ["a"]),
    ],
)
def test_a_choice_tells_which_tools_it_allows(choice: ToolChoice, allowed: list[str]) -> None:
    assert [name for name in ("a", "b") if choice.allows(name)] == allowed
