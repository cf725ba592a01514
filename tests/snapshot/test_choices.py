from __future__ import annotations

import pytest

from headgate.providers.catalog import CATALOG
from headgate.providers.provider import Operation
from headgate.snapshot.choices import (
    answer_model,
    chat_dialects,
    credential_strategy,
    key_strategy,
    loss_policy,
)
from headgate.snapshot.document import Document
from headgate.snapshot.endpoints import endpoints_of
from headgate.snapshot.facts import LossPolicy, Strategy
from headgate.snapshot.report import Report


@pytest.fixture
def report() -> Report:
    return Report(Document())


@pytest.mark.parametrize("strategy", Strategy)
def test_every_strategy_is_known_to_keys(strategy: Strategy, report: Report) -> None:
    assert key_strategy(strategy.value.upper(), (), report) is strategy
    assert report.warnings == ()


@pytest.mark.parametrize("name", ["roundrobin", "", "lottery"])
def test_an_unknown_strategy_is_round_robin_with_a_warning(name: str, report: Report) -> None:
    assert credential_strategy(name, ("here",), report) is Strategy.ROUND_ROBIN
    assert report.warnings[0].startswith(f'here: "{name}" is not known: taken as round_robin')


def test_loss_policies_are_words(report: Report) -> None:
    assert loss_policy("Refuse", (), report) is LossPolicy.REFUSE
    assert loss_policy("", (), report) is None
    assert report.errors == []


def test_other_words_are_errors_that_list_the_right_ones(report: Report) -> None:
    assert loss_policy("shout", ("a",), report) is None
    assert answer_model("shout", ("b",), report) == ""
    assert [str(error) for error in report.errors] == [
        "a: write one of ignore, report, refuse",
        "b: write one of requested, upstream",
    ]


def test_answer_models_are_words(report: Report) -> None:
    assert answer_model("UPSTREAM", (), report) == "upstream"
    assert answer_model("", (), report) == ""


def test_operator_may_know_better_what_an_upstream_speaks(report: Report) -> None:
    row = CATALOG["openai-compatible"]
    assert chat_dialects((), row, ("x",), report) == ("openai_chat",)
    told = chat_dialects(("Anthropic", "openai_responses"), row, ("x",), report)
    assert told == ("anthropic", "openai_responses")
    found = endpoints_of(row, "https://h/v1/chat/completions", told)[Operation.CHAT]
    assert [each.url for each in found] == ["https://h/v1/messages", "https://h/v1/responses"]
    assert report.errors == []


def test_dialect_that_nobody_could_reach_there_is_an_error(report: Report) -> None:
    assert chat_dialects(("klingon",), CATALOG["gemini"], ("x",), report) == ("gemini",)
    assert "gemini may speak anthropic, gemini" in report.errors[0].message
