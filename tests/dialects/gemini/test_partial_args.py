from __future__ import annotations

import pytest

from headgate.dialects.gemini.partial_args import PartialArgs
from headgate.ir.request import Json


def joined(*pieces: Json) -> Json:
    args = PartialArgs()
    assert all(args.add(piece) for piece in pieces)
    return args.arguments


def test_pieces_of_a_text_follow_each_other() -> None:
    assert joined(
        {"jsonPath": "$.a", "stringValue": "he", "willContinue": True},
        {"jsonPath": "$.a", "stringValue": "llo", "willContinue": True},
        {"jsonPath": "$.a", "stringValue": ""},
    ) == {"a": "hello"}


def test_texts_may_grow_in_turn_and_be_replaced() -> None:
    args = PartialArgs()
    for path, text in (("$.a", "he"), ("$.b", "x"), ("$.a", "llo"), ("$.b", "y")):
        assert args.add({"jsonPath": path, "stringValue": text})
    assert args.arguments == {"a": "hello", "b": "xy"}
    assert args.add({"jsonPath": "$.a", "stringValue": "!"})
    assert args.add({"jsonPath": "$.b", "numberValue": 1})
    assert args.arguments == {"a": "hello!", "b": 1}


def test_paths_lead_into_lists_and_objects() -> None:
    assert joined(
        {"jsonPath": "$.items[0].name", "stringValue": "x"},
        {"jsonPath": "$.items[0].price", "numberValue": 0.5},
        {"jsonPath": "$.items[1].ok", "boolValue": True},
        {"jsonPath": "$['odd name'].none", "nullValue": "NULL_VALUE"},
        {"jsonPath": "$.grid[0][0]", "numberValue": 1},
    ) == {
        "items": [{"name": "x", "price": 0.5}, {"ok": True}],
        "odd name": {"none": None},
        "grid": [[1]],
    }


@pytest.mark.parametrize(
    "piece",
    [
        None,
        {},
        {"jsonPath": "a.b", "stringValue": "x"},
        {"jsonPath": "$", "stringValue": "x"},
        {"jsonPath": "$.a[", "stringValue": "x"},
        {"jsonPath": "$.a"},
        {"jsonPath": "$.a[7]", "stringValue": "x"},
        {"jsonPath": "$.text.b", "stringValue": "x"},
        {"jsonPath": "$.text[0]", "stringValue": "x"},
        {"jsonPath": "$[0]", "stringValue": "x"},
    ],
)
def test_a_piece_that_fits_nowhere_is_told(piece: object) -> None:
    args = PartialArgs()
    args.add({"jsonPath": "$.text", "stringValue": "x"})
    assert not args.add(piece)
