from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.providers import quirks
from headgate.providers.catalog import CATALOG
from headgate.providers.quirks import quirks_for

OPENAI = CATALOG["openai"]
IMAGE = {"type": "image_url", "image_url": {"url": "https://h/i.png"}}
TEXT = {"type": "text", "text": "hi"}


def shaped(
    model: str, alias: str | None = None, row: str = "openai", **body: Any
) -> dict[str, Any]:
    """Apply a model's quirks to a body."""
    name = alias or model
    for quirk in quirks_for(CATALOG[row], model, name):
        body = quirk(body, model, name)
    return body


@pytest.mark.parametrize(
    "model", ["gpt-4o", "claude-sonnet-4-5", "deepseek-chat", "o200k", "gpt-4"]
)
def test_most_models_have_no_quirks_so_their_bodies_stay_as_sent(model: str) -> None:
    assert quirks_for(OPENAI, model, model) == ()


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5-mini", "openai/GPT-5.1", "o1", "o3-pro"])
def test_reasoning_models_get_max_completion_tokens(model: str) -> None:
    assert shaped(model, max_tokens=5) == {"max_completion_tokens": 5}


def test_a_callers_own_max_completion_tokens_is_kept() -> None:
    body = shaped("gpt-5", max_tokens=5, max_completion_tokens=9)
    assert body == {"max_completion_tokens": 9}


@pytest.mark.parametrize("model", ["gpt-5", "gpt-oss-120b"])
def test_temperature_is_dropped_for_gpt_5_and_gpt_oss(model: str) -> None:
    assert "temperature" not in shaped(model, temperature=0.3)


def test_top_p_is_dropped_for_gpt_5_2_only() -> None:
    assert shaped("gpt-5.2", top_p=0.5) == {}
    assert shaped("gpt-5.1", top_p=0.5) == {"top_p": 0.5}


@pytest.mark.parametrize(
    ("model", "alias", "effort"),
    [
        ("gpt-5", "gpt-5-high", "high"),
        ("gpt-oss-120b", "gpt-oss-120b-low", "low"),
        ("grok-3-mini", "grok-3-mini-high", "high"),
        ("gpt-5", "GPT-5-HIGH", "high"),
    ],
)
def test_an_alias_that_ends_in_high_or_low_sets_the_effort(
    model: str, alias: str, effort: str
) -> None:
    assert shaped(model, alias)["reasoning_effort"] == effort


def test_the_alias_of_another_model_sets_no_effort() -> None:
    assert shaped("gpt-4o", "gpt-4o-high") == {}


def test_deepseeks_reasoner_gets_its_temperature_unless_the_caller_chose_one() -> None:
    assert shaped("deepseek-r1") == {"temperature": 0.6}
    assert shaped("deepseek-r1", temperature=0) == {"temperature": 0}


def test_o3_mini_is_told_that_it_may_format() -> None:
    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "hi"}]
    raw = msgspec.Raw(msgspec.json.encode(messages))
    told = shaped("o3-mini", messages=raw)["messages"]
    assert told[0]["content"] == "Formatting re-enabled. Be short."
    assert told[1] == messages[1]


def test_chatgpt_4o_latest_gets_no_tools() -> None:
    assert shaped("chatgpt-4o-latest", tools=[], tool_choice="auto", n=1) == {"n": 1}


def test_xai_gets_no_penalties_but_is_still_asked_for_usage() -> None:
    body = shaped("grok-4", row="xai", presence_penalty=1, stream_options={"include_usage": True})
    assert body == {"stream_options": {"include_usage": True}}


def test_a_gemini_behind_an_openai_front_searches_by_a_function() -> None:
    body = shaped("gemini-2.5-pro", "gemini-2.5-pro-search", tools=[{"type": "x"}])
    assert [tool["type"] for tool in body["tools"]] == ["x", "function"]
    assert shaped("gemini-2.5-pro", "gemini-2.5-pro-search", **body) == body


@pytest.mark.parametrize(
    ("alias", "limit", "budget"),
    [("c-think", None, 4096), ("c-think-2048", 9000, 2048), ("c-think-9000", 9000, 4096)],
)
def test_an_alias_makes_claude_on_databricks_think(
    alias: str, limit: int | None, budget: int
) -> None:
    body = shaped("c", alias, row="databricks", max_tokens=limit, top_p=0.5, temperature=0)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert body["temperature"] == 1
    assert "top_p" not in body


def test_claude_on_databricks_does_not_think_unasked() -> None:
    assert shaped("c", row="databricks", temperature=0) == {"temperature": 0}


def test_without_tools_leaves_out_every_dialects_tools() -> None:
    body: dict[str, Any] = {"tools": [], "tool_choice": "auto", "toolConfig": {}, "functions": []}
    body |= {"strict_tools": True, "stop": "x"}
    assert quirks.without_tools(body) == {"stop": "x"}


def test_without_images_keeps_the_other_parts() -> None:
    body = {"messages": [{"role": "user", "content": [TEXT, IMAGE]}, {"role": "user"}, "odd"]}
    assert quirks.without_images(body)["messages"][0]["content"] == [TEXT]


def test_ollamas_pictures_stand_apart_from_the_words() -> None:
    said: dict[str, Any] = {"role": "user", "content": "see", "images": ["aGk="]}
    alone: dict[str, Any] = {"role": "user", "content": "", "images": ["aGk="]}
    body = quirks.without_images({"messages": [said, alone]})
    assert body["messages"][0] == {"role": "user", "content": "see"}
    assert body["messages"][1]["content"]


def test_a_message_of_images_alone_keeps_a_few_words() -> None:
    body = {"messages": [{"role": "user", "content": [IMAGE]}]}
    content = quirks.without_images(body)["messages"][0]["content"]
    assert content == [{"type": "text", "text": "(an image was left out here)"}]


@pytest.mark.parametrize(
    "part",
    [
        {"inlineData": {"mimeType": "image/png", "data": ""}},
        {"inline_data": {"mime_type": "image/png", "data": ""}},
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://x"}},
    ],
)
def test_images_in_geminis_spelling_are_images(part: dict[str, Any]) -> None:
    audio = {"inlineData": {"mimeType": "audio/wav", "data": ""}}
    body = quirks.without_images({"contents": [{"parts": [part, audio]}]})
    assert body["contents"][0]["parts"] == [audio]


def test_images_in_converses_spelling_are_images() -> None:
    picture = {"image": {"format": "png", "source": {"bytes": ""}}}
    turns = [{"content": [picture, {"text": "Hi"}]}, {"content": [picture]}]
    body = quirks.without_images({"messages": turns})
    assert [message["content"] for message in body["messages"]] == [
        [{"text": "Hi"}],
        [{"text": "(an image was left out here)"}],
    ]


def test_junk_where_messages_belong_is_left_alone() -> None:
    assert quirks.without_images({"messages": "x", "contents": 5}) == {
        "messages": "x",
        "contents": 5,
    }
    assert shaped("o3-mini", messages="x") == {"messages": "x"}
