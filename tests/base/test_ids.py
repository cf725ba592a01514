"""Ids are distinct; callers' own are taken only if they are harmless."""

from hypothesis import given
from hypothesis import strategies as st

from headgate.base.ids import accepted_request_id, new_id


def test_ids_differ() -> None:
    assert len({new_id("req_") for _ in range(1000)}) == 1000


def test_id_begins_with_its_prefix() -> None:
    assert new_id("chatcmpl-").startswith("chatcmpl-")


def test_callers_id_is_kept() -> None:
    assert accepted_request_id("trace-42") == "trace-42"


def test_harmful_ids_are_not() -> None:
    for offered in (None, "", "two words", "line\nbreak", "é", "x" * 129):
        assert accepted_request_id(offered) is None


@given(st.text())
def test_accepted_ids_are_visible_ascii(offered: str) -> None:
    accepted = accepted_request_id(offered)
    assert accepted is None or (accepted.isascii() and accepted.isprintable())
