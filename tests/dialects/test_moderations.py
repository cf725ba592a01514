from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.moderations import flagged


def verdict(*results: Any) -> bytes:
    return msgspec.json.encode({"id": "modr-1", "model": "m", "results": results})


def test_the_flagged_categories_are_named_once() -> None:
    first = {"flagged": True, "categories": {"hate": True, "violence": False, "sexual": None}}
    second = {"flagged": True, "categories": {"violence": True, "hate": True}}
    assert flagged(verdict(first, second)) == ["hate", "violence"]


def test_a_clean_text_names_nothing() -> None:
    assert flagged(verdict({"flagged": False, "categories": {"hate": False}})) == []


def test_a_flag_without_a_category_is_a_flag() -> None:
    assert flagged(verdict({"flagged": True})) == ["flagged"]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", verdict(), b'{"results":[{}]}', b"[" * 5000]
)
def test_what_holds_no_verdict_does_not_pass(body: bytes) -> None:
    with pytest.raises(RelayError) as raised:
        flagged(body)
    assert raised.value.failure.kind is FailureKind.UPSTREAM_BAD_REPLY
