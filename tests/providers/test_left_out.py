"""`tools: false` and `image: false`: nothing of them stays, and all of it is named."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.ir.loss import Losses
from headgate.providers import left_out

IMAGE = {"type": "image_url", "image_url": {"url": "https://h/i.png"}}
TEXT = {"type": "text", "text": "hi"}
WORDS = "(an image was left out here)"
CLAUDES: dict[str, Any] = {"type": "image", "source": {"type": "url", "url": "u"}}
INLINE = {"inlineData": {"mimeType": "image/png", "data": ""}}


def without_images(body: dict[str, Any]) -> tuple[Any, list[str]]:
    """Leave images out; give the body and the places of the losses."""
    losses = Losses("x")
    done = left_out.without_images(body, losses)
    assert {loss.note for loss in losses} <= {"image: false"}
    return msgspec.json.decode(msgspec.json.encode(done)), [loss.field for loss in losses]


def test_tools_are_left_out_in_every_dialects_words_and_named() -> None:
    body: dict[str, Any] = {"tools": [], "tool_choice": "auto", "toolConfig": {}, "functions": []}
    body |= {"strict_tools": True, "max_tool_calls": 2, "stop": "x"}
    given_names = set(body) - {"stop"}
    losses = Losses("x")
    assert left_out.without_tools(body, losses) == {"stop": "x"}
    assert {loss.field for loss in losses} == given_names


def test_the_other_parts_stay() -> None:
    messages = [{"role": "user", "content": [TEXT, IMAGE]}, {"role": "user"}, "odd"]
    body, lost = without_images({"messages": messages})
    assert body["messages"] == [{"role": "user", "content": [TEXT]}, {"role": "user"}, "odd"]
    assert lost == ["messages[0].content[1]"]


def test_ollamas_pictures_stand_apart_from_the_words() -> None:
    said: dict[str, Any] = {"role": "user", "content": "see", "images": ["aGk="]}
    alone: dict[str, Any] = {"role": "user", "content": "", "images": ["aGk="]}
    body, lost = without_images({"messages": [said, alone]})
    assert body["messages"] == [
        {"role": "user", "content": "see"},
        {"role": "user", "content": WORDS},
    ]
    assert lost == ["messages[0].images", "messages[1].images"]


@pytest.mark.parametrize(
    ("body", "left", "place"),
    [
        (
            {"messages": [{"content": [IMAGE]}]},
            {"messages": [{"content": [{"type": "text", "text": WORDS}]}]},
            "messages[0].content[0]",
        ),
        (  # Anthropic: the picture that a tool took
            {"messages": [{"content": [{"type": "tool_result", "content": [CLAUDES]}]}]},
            {
                "messages": [
                    {
                        "content": [
                            {"type": "tool_result", "content": [{"type": "text", "text": WORDS}]}
                        ]
                    }
                ]
            },
            "messages[0].content[0].content[0]",
        ),
        (  # Anthropic: a document of blocks
            {
                "messages": [
                    {
                        "content": [
                            {"type": "document", "source": {"content": [TEXT, CLAUDES]}},
                        ]
                    }
                ]
            },
            {"messages": [{"content": [{"type": "document", "source": {"content": [TEXT]}}]}]},
            "messages[0].content[0].source.content[1]",
        ),
        (  # Gemini
            {"contents": [{"parts": [INLINE]}]},
            {"contents": [{"parts": [{"text": WORDS}]}]},
            "contents[0].parts[0]",
        ),
        (  # Gemini: the picture that a function gave
            {"contents": [{"parts": [{"functionResponse": {"name": "f", "parts": [INLINE]}}]}]},
            {
                "contents": [
                    {"parts": [{"functionResponse": {"name": "f", "parts": [{"text": WORDS}]}}]}
                ]
            },
            "contents[0].parts[0].functionResponse.parts[0]",
        ),
        (  # Responses
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "u"}]}]},
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": WORDS}]}]},
            "input[0].content[0]",
        ),
        (  # Responses: the picture that a function gave
            {
                "input": [
                    {"type": "function_call_output", "output": [{"type": "input_image"}]},
                    {"role": "user", "content": "Hi"},
                ]
            },
            {
                "input": [
                    {
                        "type": "function_call_output",
                        "output": [{"type": "input_text", "text": WORDS}],
                    },
                    {"role": "user", "content": "Hi"},
                ]
            },
            "input[0].output[0]",
        ),
        (  # Converse: the same
            {"messages": [{"content": [{"toolResult": {"content": [{"image": {}}]}}]}]},
            {"messages": [{"content": [{"toolResult": {"content": [{"text": WORDS}]}}]}]},
            "messages[0].content[0].toolResult.content[0]",
        ),
    ],
)
@pytest.mark.parametrize("raw", [False, True])
def test_images_are_found_wherever_a_dialect_puts_them(
    body: dict[str, Any], left: dict[str, Any], place: str, raw: bool
) -> None:
    if raw:
        body = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in body.items()}
    assert without_images(dict(body)) == (left, [place])


@pytest.mark.parametrize(
    "part",
    [
        INLINE,
        {"inline_data": {"mime_type": "image/png", "data": ""}},
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://x"}},
        {"file_data": {"mime_type": "image/webp", "file_uri": "gs://x"}},
    ],
)
def test_images_in_geminis_spelling_are_images(part: dict[str, Any]) -> None:
    audio = {"inlineData": {"mimeType": "audio/wav", "data": ""}}
    body, lost = without_images({"contents": [{"parts": [part, audio]}]})
    assert body["contents"][0]["parts"] == [audio]
    assert lost == ["contents[0].parts[0]"]


def test_what_a_model_wrote_is_no_part_however_it_looks() -> None:
    use = {"type": "tool_use", "name": "draw", "input": {"content": [CLAUDES]}}
    call = {"functionCall": {"name": "draw", "args": {"parts": [INLINE]}}}
    said = {"functionResponse": {"name": "draw", "response": {"output": [INLINE]}}}
    for body in (
        {"messages": [{"role": "assistant", "content": [use]}]},
        {"contents": [{"parts": [call, said]}]},
    ):
        assert without_images(json.loads(json.dumps(body))) == (body, [])


def test_messages_without_images_stay_as_they_were_sent() -> None:
    raw = msgspec.Raw(b'[ {"role":"user", "content":"h\xc3\xa9"} ]')
    body = {"messages": raw}
    assert left_out.without_images(body, Losses("x"))["messages"] is raw


def test_an_image_is_found_behind_an_escape() -> None:
    raw = msgspec.Raw(b'[{"content":[{"type":"\\u0069mage"}]}]')
    assert without_images({"messages": raw})[1] == ["messages[0].content[0]"]


def test_junk_where_messages_belong_is_left_alone() -> None:
    body = {"messages": "x", "contents": 5, "input": [None, [], 1]}
    assert without_images(dict(body)) == (body, [])


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=3) | st.just("image"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["type", "content", "parts", "images"]), inner)
        ),
        max_leaves=12,
    )
)
def test_nothing_is_taken_in_silence(value: Any) -> None:
    sent = {"messages": value, "input": value}
    body, lost = without_images(msgspec.json.decode(msgspec.json.encode(sent)))
    assert (body != sent) == bool(lost)
