from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from headgate.lab.checks.responses import examine
from headgate.lab.wires import seals
from tests.lab.checks.spoiling import Spoil, delete, displeasure, found, history, put, swap
from tests.lab.playing import asked, opening

FOREIGN = seals.envelope(seals.CLAUDE, "Let me mull.")


def test_a_good_history_tells_its_results() -> None:
    assert found("responses", history("responses")).results == ("result 1", "result 2")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (delete(1), "No tool call found for function call output with call_id call_lab_1_0."),
        (delete(2), "No tool output found for function call call_lab_1_0."),
        (swap(1, 2), "No tool call found for function call output with call_id call_lab_1_0."),
        (delete(1, "call_id"), "Missing required parameter: 'input[1].call_id'."),
        (put("c" * 65, 1, "call_id"), "string too long"),
        (put("call_1", 1, "id"), "Expected an ID that begins with 'fc'."),
    ],
)
def test_a_broken_history_is_refused(spoil: Spoil, message: str) -> None:
    assert message in displeasure("responses", spoil)


def test_outputs_may_come_in_any_order_and_twice() -> None:
    calls: list[Any] = [
        {"type": "function_call", "call_id": name, "name": "look", "arguments": "{}"}
        for name in ("a", "b")
    ]
    outputs = [
        {"type": "function_call_output", "call_id": name, "output": name} for name in ("b", "a")
    ]
    body = opening("responses") | {"input": [*calls, *outputs, outputs[0]]}
    assert found("responses", body).results == ("b", "a", "b")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (put("gAAAAAB" + "x" * 60, 1, "encrypted_content"), "The encrypted content gAAA...xxxx"),
        (put(FOREIGN, 1, "encrypted_content"), "could not be verified."),
        (delete(1), "was provided without its required 'reasoning' item: 'rs_lab_1'."),
        (delete(slice(5, 7)), "Item 'rs_lab_2' of type 'reasoning' was provided without"),
    ],
)
def test_reasoning_must_be_its_own_and_in_its_place(spoil: Spoil, message: str) -> None:
    assert message in displeasure("responses", spoil, sealed=True)


def test_a_tampered_envelope_has_its_own_code() -> None:
    body = history("responses", sealed=True)
    body["input"][1]["encrypted_content"] += "AAAA"
    fault = found("responses", body, sealed=True).fault
    assert fault is not None
    assert (fault.status, fault.code) == (400, "invalid_encrypted_content")


def test_a_client_may_forget_reasoning_and_ids_together() -> None:
    body = history("responses", sealed=True)
    kept = [item for item in body["input"] if item.get("type") != "reasoning"]
    for item in kept:
        item.pop("id", None)
    assert found("responses", body | {"input": kept}, sealed=True).fault is None


def test_an_item_that_is_not_kept_is_a_404() -> None:
    question = replace(asked("responses", opening("responses")), unknown=("rs_9",))
    with pytest.raises(Exception, match="Item with id 'rs_9' not found") as raised:
        examine(question, sealed=False)
    assert raised.value.fault.status == 404  # type: ignore[attr-defined]
