"""Stored responses: a chain of them is one conversation, for its own key only."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from headgate.base.failure import RelayError
from headgate.dialects.dialect import Fields
from headgate.relay.conversations import Conversations, continued, items_of, unknown_response


def fields(**body: Any) -> Fields:
    return {name: Raw(msgspec.json.encode(value)) for name, value in body.items()}


def response(response_id: str, *output: Any) -> bytes:
    return msgspec.json.encode({"id": response_id, "output": list(output)})


def chain() -> Conversations:
    kept = Conversations()
    kept.remember("k", fields(input="hi"), response("r1", {"a": 1}), 0.0)
    asked = fields(input=[{"b": 2}], previous_response_id="r1")
    kept.remember("k", asked, response("r2", {"c": 3}), 0.0)
    return kept


def items(kept: Conversations, response_id: str, owner: str = "k") -> Any:
    found = kept.items_before(owner, response_id, 1.0)
    return None if found is None else msgspec.json.decode(msgspec.json.encode(found))


HI = {"type": "message", "role": "user", "content": "hi"}


def test_items_of_a_chain_come_oldest_first() -> None:
    assert items(chain(), "r1") == [HI, {"a": 1}]
    assert items(chain(), "r2") == [HI, {"a": 1}, {"b": 2}, {"c": 3}]


def test_another_key_has_no_part_in_it() -> None:
    assert items(chain(), "r1", owner="other") is None
    assert not chain().forget("other", "r1")


def test_chain_with_a_missing_link_is_gone() -> None:
    kept = chain()
    assert kept.forget("k", "r1")
    assert items(kept, "r2") is None
    assert items(kept, "r3") is None


def test_response_is_given_back_as_it_was() -> None:
    found = chain().find("k", "r1", 1.0)
    assert found is not None
    assert found.response == response("r1", {"a": 1})


def test_request_that_goes_on_holds_everything_itself() -> None:
    asked = fields(model="m", previous_response_id="r1", input="more")
    sent = continued(asked, [Raw(b'{"a":1}')])
    assert {name: msgspec.json.decode(value) for name, value in sent.items()} == {
        "model": "m",
        "input": [{"a": 1}, HI | {"content": "more"}],
    }
    assert "input" in continued(fields(previous_response_id="r1"), [])


@pytest.mark.parametrize("given", [b"1", b"{}"])
def test_input_that_is_neither_text_nor_items_is_refused(given: bytes) -> None:
    with pytest.raises(RelayError) as caught:
        items_of(Raw(given))
    assert caught.value.failure.param == "input"


def test_no_input_is_no_items() -> None:
    assert items_of(None) == items_of(Raw(b"null")) == []


def test_unknown_response_is_told_in_openais_words() -> None:
    failure = unknown_response("r9").failure
    assert failure.code == "previous_response_not_found"
    assert "'r9'" in failure.message


def test_store_is_bounded() -> None:
    kept = Conversations(most_bytes=2_000)
    for number in range(9):
        kept.remember("k", fields(input="hi"), response(f"r{number}"), 0.0)
    assert items(kept, "r0") is None
    assert items(kept, "r8") == [HI]
