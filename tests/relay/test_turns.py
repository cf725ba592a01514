from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import RelayError
from headgate.relay.turns import Turns, previous_id, replayable


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def fields(**values: object) -> dict[str, msgspec.Raw]:
    return {name: raw(value) for name, value in values.items()}


def shown(items: Any) -> list[Any]:
    return [msgspec.json.decode(item) for item in items]


HI = {"type": "message", "role": "user", "content": "Hi"}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}"}
SEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "xyz"}
REFERENCE = {"type": "reasoning", "id": "rs_1", "summary": []}


def test_previous_response_is_a_string_or_nothing() -> None:
    assert previous_id(fields(previous_response_id="resp_1")) == "resp_1"
    assert previous_id(fields(previous_response_id=None)) is None
    assert previous_id({}) is None
    with pytest.raises(RelayError) as refused:
        previous_id(fields(previous_response_id=7))
    assert refused.value.failure.param == "previous_response_id"


def test_response_is_remembered_with_all_that_was_said() -> None:
    turns = Turns()
    turns.keep("resp_1", [raw(HI)], [raw(CALL)])
    turn = turns.find("resp_1")
    assert turn is not None
    assert shown(turn.items) == [HI, CALL]
    assert turns.find("resp_2") is None


def test_reasoning_that_is_only_a_reference_is_left_out_with_the_names_beside_it() -> None:
    assert shown(replayable([raw(SEALED), raw(CALL)])) == [SEALED, CALL]
    nameless = {name: value for name, value in CALL.items() if name != "id"}
    assert shown(replayable([raw(REFERENCE), raw(CALL)])) == [nameless]
    assert shown(replayable([raw({"type": 3}), raw("odd")])) == [{"type": 3}, "odd"]


def test_oldest_are_forgotten_beyond_the_bounds() -> None:
    turns = Turns(most_turns=2)
    for name in "abc":
        turns.keep(name, [raw(HI)])
    assert [name for name in "abc" if turns.find(name)] == ["b", "c"]
    size = len(msgspec.json.encode(HI))
    turns = Turns(most_bytes=3 * size)
    turns.keep("a", [raw(HI)])
    turns.keep("b", [raw(HI), raw(HI)])
    assert turns.find("a") is not None
    turns.keep("c", [raw(HI), raw(HI)])
    assert [name for name in "abc" if turns.find(name)] == ["c"]


def test_conversation_beyond_all_bounds_and_nameless_responses_are_not_kept() -> None:
    turns = Turns(most_bytes=10)
    turns.keep("a", [raw(HI)])
    turns.keep("", [])
    assert turns.find("a") is turns.find("") is None


def test_response_that_comes_again_takes_the_place_of_the_first() -> None:
    turns = Turns()
    turns.keep("a", [raw(HI)])
    turns.keep("a", [raw(CALL)], is_stored=True)
    turn = turns.find("a")
    assert turn is not None
    assert (shown(turn.items), turn.is_stored) == ([CALL], True)
