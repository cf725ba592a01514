from __future__ import annotations

import pytest

from headgate.snapshot.facts import Route, RouteGroup
from tests.configs import compiled, errors, routes_of

PROVIDERS = """
providers:
  - provider: p1
    base_url: http://h/v1
    model: [gpt-a, gpt-b, team/gpt-x, {gpt-long: short}]
  - {provider: p2, base_url: http://h/v1, model: [gpt-a, team/gpt-x]}
  - {provider: p3, base_url: http://h/v1, model: [gpt-a]}
api_keys:
  - {api: sk-other, model: [p3/*], preferences: {SCHEDULING_ALGORITHM: random}}
"""


def allowed(rules: str, more: str = "") -> dict[str, list[str]]:
    """Give the routes of a key with the given rules."""
    text = PROVIDERS + f"  - {{api: sk-me, model: {rules}{more}}}\n"
    return routes_of(compiled(text), "sk-me")


EVERYTHING = {
    "gpt-a": ["p1", "p2", "p3"],
    "gpt-b": ["p1"],
    "team/gpt-x": ["p1", "p2"],
    "short": ["p1"],
}


@pytest.mark.parametrize(
    ("rules", "routes"),
    [
        ("[all]", EVERYTHING),
        ("[]", EVERYTHING),
        ("", EVERYTHING),
        ("[gpt-a]", {"gpt-a": ["p1", "p2", "p3"]}),
        (
            "[p2/*, p1/*]",
            {
                "gpt-a": ["p2", "p1"],
                "team/gpt-x": ["p2", "p1"],
                "gpt-b": ["p1"],
                "short": ["p1"],
            },
        ),
        ("[p2/gpt-a]", {"gpt-a": ["p2"]}),
        ("[p1/team/gpt-x]", {"team/gpt-x": ["p1"]}),
        ("['<team/gpt-x>']", {"team/gpt-x": ["p1", "p2"]}),
        ("['<gpt-b>']", {}),
        ("[short]", {"short": ["p1"]}),
        ("[gpt-long]", {}),
        ("[no-such-model]", {}),
        ("[gpt-a, p1/gpt-a]", {"gpt-a": ["p1", "p2", "p3", "p1"]}),
        ("[sk-other/*]", {"gpt-a": ["random[p3]"]}),
        ("[sk-other/gpt-a, p1/gpt-a]", {"gpt-a": ["random[p3]", "p1"]}),
        ("[sk-other/gpt-b]", {}),
    ],
)
def test_rules_lead_to_routes_in_their_order(rules: str, routes: dict[str, list[str]]) -> None:
    assert allowed(rules) == routes


def test_the_order_of_models_is_the_order_of_the_configuration() -> None:
    assert list(allowed("[all]")) == ["gpt-a", "gpt-b", "team/gpt-x", "short"]
    assert list(allowed("[short, gpt-a]")) == ["short", "gpt-a"]


@pytest.mark.parametrize(
    ("rules", "more", "routes"),
    [
        ("[p1/gpt-a: 5, p2/gpt-a: 1, p3/gpt-a]", "", ["p1*5", "p2*1", "p3"]),
        ("[p1/*: 5, p2/*: 3]", "", ["p1*5", "p2*3"]),
        ("[p1/*, p2/*]", ", weights: {p1/gpt-a: 1, p2/*: 3}", ["p1*1", "p2*3"]),
        ("[p1/*: 5, p2/*]", ", weights: {p1/*: 9, p2/*: 2}", ["p1*5", "p2*2"]),
        ("[gpt-a: 5]", "", ["p1*5", "p2*5", "p3*5"]),
        ("[all, p2/*: 4]", "", ["p1", "p2*4", "p3", "p2*4"]),
        ("[p2/gpt-a: 7, p2/*: 4]", "", ["p2*7", "p2*7"]),
        ("[sk-other/*: 2, p1/gpt-a: 6]", "", ["random[p3]*2", "p1*6"]),
        ("[p1/*: 0, p2/*]", ", weights: {p2/*: 0}", ["p1", "p2"]),
    ],
)
def test_weights_come_from_rules_and_from_the_map(rules: str, more: str, routes: list[str]) -> None:
    assert allowed(rules, more)["gpt-a"] == routes


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("gpt-z", "no provider offers this model"),
        ("p1/gpt-z", 'provider "p1" does not offer "gpt-z"'),
        ("p9/*", 'no provider is called "p9"'),
        ("team/gpt-x", 'called "team": write <team/gpt-x> for the model of that name'),
        ("sk-none/*", "no such key"),
    ],
)
def test_a_rule_that_allows_nothing_says_why(rule: str, said: str) -> None:
    text = PROVIDERS + f"  - {{api: sk-me, model: [{rule}]}}\n"
    (warning,) = compiled(text).warnings
    assert warning.startswith("api.yaml:10:26: api_keys[1].model[0]: ")
    assert warning.endswith(said)


def test_rules_are_not_doubted_while_a_provider_has_yet_to_tell_its_models() -> None:
    text = """
    providers: [{provider: p, base_url: 'http://h/v1'}]
    api_keys: [{api: k, model: [anything]}]
    """
    assert compiled(text).warnings == ()


def test_keys_of_equal_rules_share_one_table() -> None:
    text = PROVIDERS + "  - {api: sk-a, model: [p1/*]}\n  - {api: sk-b, model: [p1/*]}\n"
    keys = compiled(text).keys
    assert keys["sk-a"].routes is keys["sk-b"].routes
    assert keys["sk-a"].routes is not keys["sk-other"].routes


def test_every_key_routes_to_the_same_offer_objects() -> None:
    text = PROVIDERS + "  - {api: sk-a, model: [gpt-a]}\n  - {api: sk-b, model: [p1/*: 3]}\n"
    keys = compiled(text).keys
    first, second = keys["sk-a"].routes["gpt-a"][0], keys["sk-b"].routes["gpt-a"][0]
    assert isinstance(first, Route)
    assert isinstance(second, Route)
    assert first.offer is second.offer


CIRCLE = """
providers: [{provider: p1, base_url: 'http://h/v1', model: [a]}]
api_keys:
  - {api: sk-a, model: [sk-b/*]}
  - {api: sk-b, model: [sk-a/*, p1/*]}
  - {api: sk-c, model: [sk-c/*, p1/a]}
"""


def test_keys_in_a_circle_warn_and_their_direct_rules_still_work() -> None:
    snapshot = compiled(CIRCLE)
    assert routes_of(snapshot, "sk-a") == {"a": ["fixed_priority[p1]"]}
    assert routes_of(snapshot, "sk-b") == {"a": ["p1"]}
    assert routes_of(snapshot, "sk-c") == {"a": ["p1"]}
    assert [warning.partition(": the keys")[0] for warning in snapshot.warnings] == [
        "api.yaml:5:25: api_keys[1].model[0]",
        "api.yaml:6:25: api_keys[2].model[0]",
    ]


@pytest.mark.parametrize("step", [1, -1])
def test_a_long_chain_of_keys_is_refused_whichever_way_it_is_written(step: int) -> None:
    lines = [f"  - {{api: sk-{at}, model: [sk-{at + 1}/*, p1/*]}}" for at in range(2000)]
    text = "providers: [{provider: p1, base_url: 'http://h/v1', model: [a]}]\napi_keys:\n"
    assert "more than 16 keys behind each other" in errors(text + "\n".join(lines[::step]))[0]


def test_a_group_names_its_key_without_telling_it() -> None:
    text = PROVIDERS + "  - {api: sk-me, model: [sk-other/*]}\n"
    keys = compiled(text).keys
    (group,) = keys["sk-me"].routes["gpt-a"]
    assert isinstance(group, RouteGroup)
    assert group.key_label == keys["sk-other"].key_id
    assert "sk-other" not in group.key_label
