from __future__ import annotations

from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace

from headgate.lab.scripts import refusals
from headgate.lab.scripts.table import Script
from headgate.lab.wires import WIRES
from tests.lab.asking import CHAT_WIRES, complaint, events, question, refusal, sent


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("code", [400, 401, 403, 404, 413, 422, 500, 503, 529])
def test_a_status_comes_with_the_error_of_its_wire(wire: str, code: int) -> None:
    plan = refusals.status(question(wire), code)
    assert plan.status == code
    assert refusal(plan)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("script", "words"),
    [
        (refusals.bad_key, b"API key not valid"),
        (refusals.too_long, b"Please reduce the length of the messages"),
        (refusals.unpriced, b"no price"),
    ],
)
def test_a_400_may_mean_something_else(wire: str, script: Script, words: bytes) -> None:
    plan = script(question(wire), 0)
    assert plan.status == 400
    assert words in sent(plan)


@pytest.mark.parametrize(
    ("script", "number", "header"),
    [
        (refusals.too_many, 7, ("retry-after", "7")),
        (refusals.too_many_date, 0, ("retry-after", "Fri, 31 Dec 2049 23:59:59 GMT")),
        (refusals.too_many_ms, 1500, ("retry-after-ms", "1500")),
        (refusals.too_many_negative, 0, ("retry-after", "-5")),
        (refusals.too_many_huge, 0, ("retry-after", "1000000000")),
    ],
)
def test_a_rate_limit_hints_in_many_ways(
    script: Script, number: float, header: tuple[str, str]
) -> None:
    plan = script(question(), number)
    assert (plan.status, plan.headers[-1]) == (429, header)


def test_a_rate_limit_may_hint_at_nothing() -> None:
    plan = refusals.too_many_bare(question(), 0)
    assert (plan.status, len(plan.headers)) == (429, 1)


def test_html_comes_with_502_or_200() -> None:
    for script, code in ((refusals.html_502, 502), (refusals.html_200, 200)):
        plan = script(question(), 0)
        assert plan.status == code
        assert plan.headers[0][1].startswith("text/html")
        assert sent(plan).startswith(b"<html>")


def test_a_redirect_points_elsewhere() -> None:
    plan = refusals.redirect(question(), 307)
    assert (plan.status, plan.headers[-1][0]) == (307, "location")


@pytest.mark.parametrize(
    ("script", "key", "code"),
    [
        (refusals.cool, "bad1", 401),
        (refusals.cool, "good2", 200),
        (refusals.quota, "q1", 403),
        (refusals.quota, "q2", 200),
        (refusals.throttled, "z1", 429),
    ],
)
def test_some_refuse_by_the_credential(script: Script, key: str, code: int) -> None:
    assert script(replace(question(), credential=key), 0).status == code


def test_a_used_up_key_is_named_by_its_code() -> None:
    plan = refusals.quota(replace(question(), credential="q1"), 0)
    assert json.decode(sent(plan))["error"]["code"] == "insufficient_quota"


def test_the_throttled_tell_the_wait_in_the_text_alone() -> None:
    plan = refusals.throttled(question(), 0)
    assert b"Please try again in 2500ms" in sent(plan)
    assert len(plan.headers) == 1


@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_an_error_may_call_itself_200(wire: str) -> None:
    for plan in (
        refusals.error_200(question(wire), 0),
        refusals.error_200_json(question(wire, stream=True), 0),
    ):
        assert plan.status == 200
        assert refusal(plan)
    first = events(sent(refusals.error_200(question(wire, stream=True), 0)))[0]
    assert complaint(first)


@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_a_late_error_follows_content_and_ends_the_good_part(wire: str) -> None:
    plan = refusals.error_200_late(question(wire, stream=True), 0)
    *before, last = events(sent(plan))
    assert before
    assert complaint(last)
    assert b"[DONE]" not in sent(plan)


@pytest.mark.parametrize("script", [refusals.error_200, refusals.error_200_late])
def test_in_a_json_array_the_error_is_an_element(script: Script) -> None:
    asked = replace(question("gemini", stream=True), as_array=True)
    elements: Any = json.decode(sent(script(asked, 0)))
    assert "error" in elements[-1]


def test_an_unknown_path_is_named() -> None:
    plan = refusals.not_offered("/x")
    assert plan.status == 404
    assert b"nothing at /x" in sent(plan)
