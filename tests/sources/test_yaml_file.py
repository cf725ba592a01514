from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.snapshot.compile import compile_snapshot
from headgate.snapshot.facts import Snapshot
from headgate.sources.yaml_file import read_document
from tests.configs import document, errors

WRITTEN = """
    providers api_keys preferences provider base_url api model tools engine project_id
    cf_account_id exclude_endpoints exclude_request_rules match reason weights role rate_limit
    RATE_LIMIT model_timeout timeout_policy default rules timeout first_byte keepalive_interval
    cooldown_period proxy headers post_body_parameter_overrides __remove__ path where stream
    api_key_rate_limit api_key_schedule_algorithm max_request_body_bytes model_price credits
    created_at AUTO_RETRY SCHEDULING_ALGORITHM error_triggers on_loss answer_model all p/* gpt-4
    sk-a/* sk-a sk-b <a/b> 5/min 20MB random gpt claude vertex https://h/v1 http://[ 2024-01-01
    ENABLE_MODERATION 1,2 admin
"""
WORDS = st.sampled_from(WRITTEN.split())
SCALARS = WORDS | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=30,
)


def test_a_document_says_where_things_stand() -> None:
    read = document("providers:\n  - provider: p\n    api: k\n")
    assert read.locate(("providers", 0, "api")) == "api.yaml:3:5"
    assert read.locate(("nowhere",)) == "api.yaml"


def test_an_empty_file_is_one_clear_error() -> None:
    assert errors("# nothing here\n") == [
        "api.yaml: the file is empty: it needs providers and api_keys"
    ]


def test_a_file_that_is_no_map_says_what_to_write() -> None:
    assert errors("- a\n- b\n") == [
        "api.yaml: this is no api.yaml: write a map with providers and api_keys"
    ]


def test_bad_yaml_is_an_error_with_line_and_column() -> None:
    assert errors("providers:\n  - a: b: c\n")[0].startswith("api.yaml:2:9: not valid YAML")


def test_a_key_given_twice_warns_with_its_line() -> None:
    (problem,) = document("preferences:\n  proxy: a\n  proxy: b\n").warnings
    assert problem.path == ("preferences", "proxy")
    assert "given twice (line 2)" in problem.message


def dumped(tree: object) -> bytes:
    """Write YAML in flow style, as JSON nearly is."""
    match tree:
        case dict():
            entries = [dumped(key) + b": " + dumped(value) for key, value in tree.items()]
            return b"{" + b", ".join(entries) + b"}"
        case list():
            return b"[" + b", ".join(map(dumped, tree)) + b"]"
        case str():
            return ('"' + tree.replace("\\", "\\\\").replace('"', '\\"') + '"').encode(
                errors="replace"
            )
    return str(tree).encode()


@settings(deadline=None)  # a busy machine is no defect
@given(st.dictionaries(WORDS, TREES, max_size=6))
def test_any_tree_is_a_snapshot_or_a_list_of_errors(tree: dict[str, object]) -> None:
    result = compile_snapshot(read_document(dumped(tree), "x", {}), version=1)
    assert isinstance(result, Snapshot) or (result and all(error.message for error in result))


PROVIDERS = st.lists(st.dictionaries(WORDS, TREES, max_size=8), min_size=1, max_size=3)


@settings(deadline=None)  # a busy machine is no defect
@given(PROVIDERS, PROVIDERS)
def test_any_entries_are_a_snapshot_or_a_list_of_errors(
    providers: list[dict[str, object]], keys: list[dict[str, object]]
) -> None:
    tree = {
        "providers": [{"provider": "p", "base_url": "https://h/v1"} | each for each in providers],
        "api_keys": [{"api": f"sk-{at}"} | each for at, each in enumerate(keys)],
    }
    result = compile_snapshot(read_document(dumped(tree), "x", {}), version=1)
    assert isinstance(result, Snapshot) or all(error.message for error in result)
