from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.ir.loss import Losses
from headgate.providers.catalog import CATALOG
from headgate.providers.openai_strict import without_strangers
from headgate.providers.quirks import quirks_for


def shaped(
    model: str, alias: str | None = None, row: str = "openai", **body: Any
) -> dict[str, Any]:
    """Apply a model's quirks to a body."""
    name = alias or model
    for quirk in quirks_for(CATALOG[row], model, name):
        body = quirk(body, model, name, Losses("openai_chat"))
    return body


def named(model: str, alias: str, row: str, body: dict[str, Any]) -> dict[str, str]:
    """Apply a model's quirks to a body; give the losses."""
    losses = Losses("openai_chat")
    for quirk in quirks_for(CATALOG[row], model, alias):
        body = quirk(body, model, alias, losses)
    return {loss.field: loss.action for loss in losses}


@pytest.mark.parametrize(
    "model", ["gpt-4o", "claude-sonnet-4-5", "deepseek-chat", "o200k", "gpt-4"]
)
def test_most_models_have_no_quirks_so_their_bodies_stay_as_sent(model: str) -> None:
    assert quirks_for(CATALOG["openai-compatible"], model, model) == ()
    assert quirks_for(CATALOG["openai"], model, model) == (without_strangers,)


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


def test_junk_in_the_messages_is_left_alone() -> None:
    assert shaped("o3-mini", messages="x") == {"messages": "x"}


@pytest.mark.parametrize(
    ("model", "alias", "body", "lost"),
    [
        ("gpt-5", "gpt-5", {"temperature": 0.3, "max_tokens": 5}, {"temperature": "dropped"}),
        ("gpt-5", "gpt-5", {"temperature": 1, "max_tokens": None}, {}),
        ("gpt-5", "gpt-5", {"temperature": msgspec.Raw(b"1.0")}, {}),
        ("gpt-5", "gpt-5", {"temperature": msgspec.Raw(b"0")}, {"temperature": "dropped"}),
        (
            "gpt-5",
            "gpt-5",
            {"max_tokens": 5, "max_completion_tokens": 9},
            {"max_tokens": "dropped"},
        ),
        ("gpt-5", "gpt-5", {"max_tokens": 5, "max_completion_tokens": 5}, {}),
        ("gpt-5.2", "gpt-5.2", {"top_p": 0.5}, {"top_p": "dropped"}),
        ("gpt-5", "gpt-5-high", {"reasoning_effort": "low"}, {"reasoning_effort": "changed"}),
        ("gpt-5", "gpt-5-high", {"reasoning_effort": "high"}, {}),
        ("deepseek-r1", "deepseek-r1", {}, {}),
        ("chatgpt-4o-latest", "c", {"tools": [1], "n": 1}, {"tools": "dropped"}),
    ],
)
def test_what_a_model_does_not_get_is_named(
    model: str, alias: str, body: dict[str, Any], lost: dict[str, str]
) -> None:
    assert named(model, alias, "openai", body) == lost


def test_penalties_and_thinking_are_named_too() -> None:
    body: dict[str, Any] = {"presence_penalty": 1, "frequency_penalty": 0}
    assert named("grok-4", "grok-4", "xai", body) == {"presence_penalty": "dropped"}
    body = {"temperature": 0, "top_p": 0.5, "thinking": {"type": "disabled"}}
    assert named("c", "c-think", "databricks", body) == {
        "thinking": "changed",
        "temperature": "changed",
        "top_p": "dropped",
    }
