"""What the filters of the routes must know, read only if one of them asks for it."""

from typing import Any

import pytest

from headgate.relay.need import bounded_prompt, estimated_prompt, need_of
from headgate.routing.plan import Need, Outline
from headgate.snapshot.facts import Key, RateLimit, RequestRule, RouteGroup, Strategy
from tests.calls import call
from tests.facts import channel, key, offer

FORTY = "x" * 40
SHORT = offer("a", credential_limit=RateLimit(tokens_per_request=10))
RULED = offer(channel("a", exclude_rules=(RequestRule(match={"reasoning_effort": ("high",)}),)))


def needed(body: dict[str, Any], of: Key, **changes: Any) -> Need:
    asked = call(body, **changes)
    return need_of(asked, Outline(of.routes[asked.model]))


def test_plain_channels_need_no_look_into_the_body() -> None:
    body = {"messages": [{"content": FORTY}], "reasoning_effort": "high"}
    need = needed(body, key([offer("a")]))
    assert (need.prompt_tokens, need.reasoning_effort, need.request_type) == (0, "", "")
    assert (need.model, need.path) == ("gpt", "/v1/chat/completions")
    assert need.body_bytes == len(call(body).body)


def test_limit_on_prompts_has_the_prompt_measured() -> None:
    assert needed({"messages": [{"content": FORTY}]}, key([SHORT])).prompt_tokens == 10


def test_limit_inside_a_group_counts_too() -> None:
    inner = key([SHORT]).routes["gpt"]
    group = RouteGroup(key_label="p", strategy=Strategy.RANDOM, routes=inner)
    assert needed({"messages": [{"content": FORTY}]}, key([group])).prompt_tokens == 10


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"messages": [{"content": FORTY}]}, 10),
        ({"input": [FORTY]}, 10),
        ({"prompt": FORTY}, 10),
        ({"contents": [{"parts": [{"text": FORTY}]}]}, 10),
        ({"query": "q", "documents": [FORTY, {"text": FORTY}]}, 20),
        ({"content": {"parts": [{"text": FORTY}]}}, 10),
        ({"requests": [{"content": {"parts": [{"text": FORTY}]}}]}, 10),
        ({}, 0),
    ],
)
def test_prompt_is_found_in_whichever_field_holds_it(body: dict[str, Any], tokens: int) -> None:
    assert estimated_prompt(call(body)) == tokens


@pytest.mark.parametrize(
    ("body", "effort"),
    [
        ({"reasoning_effort": "high"}, "high"),
        ({"reasoning": {"effort": "low"}}, "low"),
        ({"reasoning_effort": 5}, ""),
        ({"reasoning": "low"}, ""),
        ({"reasoning": {"effort": None}}, ""),
        ({}, ""),
    ],
)
def test_effort_is_read_in_both_spellings(body: dict[str, Any], effort: str) -> None:
    assert needed(body, key([RULED])).reasoning_effort == effort


@pytest.mark.parametrize(
    ("body", "path", "kind"),
    [
        ({"input": [{"type": "compaction_trigger"}]}, "/v1/responses", "compaction"),
        ({}, "/v1/responses/compact/", "compaction"),
        ({"input": [{"type": "message"}, "text"]}, "/v1/responses", ""),
        ({"input": "compaction_trigger"}, "/v1/responses", ""),
    ],
)
def test_compaction_is_known_by_path_or_item(body: dict[str, Any], path: str, kind: str) -> None:
    assert needed(body, key([RULED]), path=path).request_type == kind


def test_short_prompt_is_bounded_without_a_look_into_it() -> None:
    short = call({"messages": [{"content": FORTY}]})
    assert bounded_prompt(short) == len(short.body) // 4
    picture = {"type": "image_url", "image_url": {"url": "data:;base64," + "A" * 100_000}}
    long = call({"messages": [{"content": [picture, {"type": "text", "text": FORTY}]}]})
    assert bounded_prompt(long) == estimated_prompt(long) == 10
