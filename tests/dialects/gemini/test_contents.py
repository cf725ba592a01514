from __future__ import annotations

from typing import Any

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.dialect import Target
from headgate.dialects.gemini.contents import decode_contents, decode_system, encode_contents
from headgate.dialects.gemini.parts import FOREIGN_SIGNATURE
from headgate.ir.loss import Losses
from headgate.ir.request import (
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
    Role,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
    Uploaded,
)
from headgate.providers.catalog import CATALOG

FLASH, NEWEST, GEMMA = "gemini-2.5-flash", "gemini-3-flash-preview", "gemma-3-27b-it"
HELLO = {"role": "user", "parts": [{"text": "hello"}]}
PICTURE = {"inlineData": {"mimeType": "image/png", "data": "AA"}}


def turn(role: Role, *parts: Part | str) -> Turn:
    made = (Text(text=part) if isinstance(part, str) else part for part in parts)
    return Turn(role=role, parts=tuple(made))


def call(call_id: str, name: str = "f", **more: Any) -> ToolCall:
    return ToolCall(call_id=call_id, name=name, arguments="{}", **more)


def result(call_id: str, text: str = "r") -> ToolResult:
    return ToolResult(call_id=call_id, content=(Text(text=text),))


def written(*turns: Turn, model: str = FLASH, provider: str = "gemini") -> tuple[Any, Any, Any]:
    """Write turns; give contents, system parts and the fields that were lost."""
    losses = Losses("gemini")
    made = encode_contents(turns, Target(model=model, traits=CATALOG[provider].traits), losses)
    return made.contents, made.system, [loss.field for loss in losses]


def names(contents: list[Json]) -> list[str]:
    """Tell who says what: the keys of all parts."""
    return [
        f"{content['role']}: " + " ".join(next(iter(part)) for part in content["parts"])
        for content in contents
    ]


def test_system_texts_go_apart() -> None:
    contents, system, lost = written(
        turn("system", "be"), turn("developer", "short"), turn("user", "hello")
    )
    assert system == [{"text": "be"}, {"text": "short"}]
    assert contents == [HELLO]
    assert lost == []


def test_a_system_text_in_the_middle_is_moved_and_named() -> None:
    contents, system, lost = written(turn("user", "hello"), turn("system", "be short"))
    assert (contents, system, lost) == ([HELLO], [{"text": "be short"}], ["messages[1]"])


def test_system_texts_alone_are_sent_as_the_users() -> None:
    contents, system, lost = written(turn("system", "hello"))
    assert (contents, system, lost) == ([HELLO], [], ["system"])


def test_a_model_without_system_texts_hears_them_from_the_user() -> None:
    contents, system, _ = written(turn("system", "be"), turn("user", "hello"), model=GEMMA)
    assert contents == [{"role": "user", "parts": [{"text": "be"}, {"text": "hello"}]}]
    assert system == []


def test_turns_of_one_side_are_merged() -> None:
    contents, _, _ = written(
        turn("user", "a"), turn("user", "b"), turn("assistant", "c"), turn("assistant", "d")
    )
    assert names(contents) == ["user: text text", "model: text text"]


def test_empty_texts_and_empty_turns_are_left_out() -> None:
    contents, _, _ = written(turn("user", "hello"), turn("assistant", ""), turn("user", ""))
    assert contents == [HELLO]


def test_results_come_in_the_order_of_their_calls_and_before_other_words() -> None:
    contents, _, lost = written(
        turn("user", "hello"),
        turn("assistant", call("a", "f"), call("b", "g")),
        turn("user", "by the way"),
        turn("tool", result("b")),
        turn("tool", result("a")),
    )
    assert names(contents)[2] == "user: functionResponse functionResponse text"
    answers = [part["functionResponse"] for part in contents[2]["parts"][:2]]
    assert [(answer["id"], answer["name"]) for answer in answers] == [("a", "f"), ("b", "g")]
    assert lost == []


def test_a_result_without_a_call_is_refused_with_its_place() -> None:
    with pytest.raises(RelayError) as caught:
        written(turn("user", "hello"), turn("tool", result("nobody")))
    assert caught.value.failure.kind is FailureKind.INVALID_REQUEST
    assert caught.value.failure.param == "messages[1].content[0]"


def test_a_result_that_says_its_name_needs_no_call() -> None:
    stray = ToolResult(call_id="x", name="f", content=())
    contents, _, _ = written(turn("user", stray))
    assert contents[0]["parts"][0]["functionResponse"]["name"] == "f"


def test_the_first_call_of_each_turn_is_signed_for_the_third_generation() -> None:
    turns = (
        turn("user", "hello"),
        turn("assistant", "let me see", call("a"), call("b")),
        turn("tool", result("a"), result("b")),
        turn("assistant", call("c", signature=Signature("gemini", "c2ln"))),
        turn("tool", result("c")),
    )
    contents, _, lost = written(*turns, model=NEWEST)
    signatures = [
        part.get("thoughtSignature")
        for content in contents
        for part in content["parts"]
        if "functionCall" in part
    ]
    assert signatures == [FOREIGN_SIGNATURE, None, "c2ln"]
    assert lost == []
    assert FOREIGN_SIGNATURE not in str(written(*turns, model=FLASH)[0])


def test_foreign_signatures_are_left_out_and_named() -> None:
    foreign = Signature("anthropic", "x")
    contents, _, lost = written(
        turn("assistant", Thinking(text="hm", signature=foreign), call("a", signature=foreign))
    )
    assert contents[0]["parts"][0] == {"text": "hm", "thought": True}
    assert "thoughtSignature" not in str(contents)
    assert lost == ["messages[0].content[0]", "messages[0].content[1]"]


def test_reasoning_that_only_its_vendor_can_read_is_dropped() -> None:
    hidden = Thinking(redacted=True, signature=Signature("anthropic", "x"))
    losses = Losses("gemini")
    encode_contents([turn("assistant", hidden)], Target(model=FLASH), losses)
    assert [loss.action for loss in losses] == ["dropped"]


def test_own_signatures_come_back_at_their_part() -> None:
    own = Signature("gemini", "c2ln")
    contents, _, _ = written(
        turn(
            "assistant",
            Thinking(text="hm", signature=own),
            Text(text="", signature=own),
            Image(source=Inline("image/png", "AA"), signature=own),
        )
    )
    assert contents[0]["parts"] == [
        {"text": "hm", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "", "thoughtSignature": "c2ln"},
        PICTURE | {"thoughtSignature": "c2ln"},
    ]


def test_media_in_a_result_are_held_by_it_or_follow_it() -> None:
    seen = ToolResult(
        call_id="a", content=(Text(text="r"), Image(source=Inline("image/png", "AA")))
    )
    turns = (turn("assistant", call("a")), turn("tool", seen))
    contents, _, lost = written(*turns, model=NEWEST)
    assert contents[1]["parts"][0]["functionResponse"]["parts"] == [PICTURE]
    assert lost == []
    contents, _, lost = written(*turns, model=FLASH)
    assert names(contents)[1] == "user: functionResponse inlineData"
    assert lost == ["messages[1].content[0]"]


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (Thinking(redacted=True, signature=Signature("anthropic", "x")), ""),
        (Opaque(dialect="anthropic", block={}), ""),
        (Refusal(text="no"), ""),
        (call("x", custom=True), ""),
        (Text(text="a", cache=CacheMark()), ".cache_control"),
        (Text(text="a", citations=(Citation(url="u"),)), ".citations"),
        (File(source=Inline("a/b", "AA"), name="n"), ".file.filename"),
        (Image(source=Inline("image/png", "AA"), detail="low"), ".image_url.detail"),
        (Image(source=Uploaded("u", "openai_chat")), ""),
    ],
)
def test_what_has_no_word_here_is_named(part: Part, field: str) -> None:
    assert written(turn("assistant", part))[2] == [f"messages[0].content[0]{field}"]


def test_names_and_foreign_fields_of_messages_are_named() -> None:
    named = Turn(role="user", name="Ann", parts=(Text(text="a"),), extras={"openai_chat": {"x": 1}})
    assert written(named)[2] == ["messages[0].name", "messages[0].x"]


@pytest.mark.parametrize(
    ("model", "provider", "sent"),
    [
        (FLASH, "gemini", True),
        ("gemini-2.0-flash", "gemini", False),
        ("gemini-2.0-flash", "vertex", True),
    ],
)
def test_urls_of_pictures_go_to_models_that_take_them(
    model: str, provider: str, sent: bool
) -> None:
    picture = Image(source=Remote("https://h/a.png"))
    contents, _, lost = written(turn("user", "see", picture), model=model, provider=provider)
    assert ("fileData" in str(contents)) is sent
    assert lost == ([] if sent else ["messages[0].content[1]"])


def test_contents_are_read() -> None:
    turns = decode_contents(
        [
            {"parts": {"text": "hello"}},
            {"role": "model", "parts": [{"functionCall": {"name": "f"}}]},
            {"role": "function", "parts": [{"function_response": {"name": "f"}}], "extra": 1},
        ],
        "contents",
    )
    made = turns[1].parts[0]
    assert isinstance(made, ToolCall)
    assert turns == [
        turn("user", "hello"),
        turn("assistant", call(made.call_id)),
        Turn(
            role="tool",
            parts=(ToolResult(call_id=made.call_id, name="f"),),
            extras={"gemini": {"extra": 1}},
        ),
    ]


def test_contents_may_be_a_text_or_one_content() -> None:
    assert decode_contents("hello", "contents") == [turn("user", "hello")]
    assert decode_contents(HELLO, "contents") == [turn("user", "hello")]


def test_a_system_instruction_is_read_in_all_its_forms() -> None:
    asked = turn("system", "be short")
    for wire in ("be short", {"parts": [{"text": "be short"}]}, {"parts": {"text": "be short"}}):
        assert decode_system(wire, "systemInstruction") == asked


@pytest.mark.parametrize(
    ("wire", "place"),
    [
        ([{"role": "assistant", "parts": []}], "contents[0].role"),
        ([{"parts": [{"text": "a"}, 1]}], "contents[0].parts[1]"),
        ([1], "contents[0]"),
        (1, "contents"),
    ],
)
def test_broken_contents_are_refused_with_their_place(wire: object, place: str) -> None:
    with pytest.raises(RelayError) as caught:
        decode_contents(wire, "contents")
    assert caught.value.failure.param == place
