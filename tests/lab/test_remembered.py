from __future__ import annotations

from typing import Any

import pytest
from msgspec import json
from msgspec.structs import replace

from headgate.lab.remembered import RESPONSES_MAX, Responses
from headgate.lab.scripts.answers import hello
from headgate.lab.wires.question import Json, Question
from tests.lab.playing import asked

HI: Json = {"model": "m", "input": "hi there"}


def told(memory: Responses, body: Json, number: int = 1, place: str = "ok1") -> Question:
    """Ask, and let the lab remember its answer."""
    question = memory.recall(asked("responses", body, number, place))
    if question.fault is None:
        memory.keep(question, hello(question, 0))
    return question


def about(memory: Responses, operation: str, item: str = "resp_lab_1", **query: str) -> Question:
    question = Question(
        wire="responses", operation=operation, place="ok1", ids=(item,), query=query
    )
    return memory.recall(question)


def ready(question: Question) -> Any:
    return json.decode(question.ready)


def test_a_reply_continues_another() -> None:
    memory = Responses()
    told(memory, HI)
    second = told(memory, HI | {"input": "and?", "previous_response_id": "resp_lab_1"}, 2)
    assert second.prompt.texts == ("hi there", "ok1: Hello from the lab.", "and?")
    third = told(memory, HI | {"input": "so", "previous_response_id": "resp_lab_2"}, 3)
    assert len(third.prompt.texts) == 5


def test_an_unknown_reply_cannot_be_continued() -> None:
    memory = Responses()
    told(memory, HI)
    told(memory, HI | {"store": False}, 2)
    for name, place in (("resp_lab_2", "ok1"), ("resp_lab_1", "ok2"), ("other", "ok1")):
        fault = told(memory, HI | {"previous_response_id": name}, 3, place).fault
        assert fault is not None
        assert (fault.status, fault.code) == (400, "previous_response_not_found")


def test_a_stored_reply_is_shown_deleted_and_gone() -> None:
    memory = Responses()
    told(memory, HI)
    assert ready(about(memory, "response"))["output"][0]["type"] == "message"
    assert ready(about(memory, "delete_response"))["deleted"] is True
    for operation in ("response", "delete_response", "input_items", "cancel_response"):
        fault = about(memory, operation).fault
        assert fault is not None
        assert fault.status == 404


def test_the_input_is_listed_in_pages() -> None:
    memory = Responses()
    items = [{"role": "user", "content": str(number)} for number in range(5)]
    told(memory, HI | {"input": items})
    page = ready(about(memory, "input_items", limit="2"))
    assert [item["content"] for item in page["data"]] == ["4", "3"]
    assert page["has_more"] is True
    rest = ready(about(memory, "input_items", after=page["last_id"], order="desc"))
    assert [item["content"] for item in rest["data"]] == ["2", "1", "0"]
    assert rest["has_more"] is False
    assert ready(about(memory, "input_items", order="asc"))["data"][0]["content"] == "0"


def test_a_reply_in_the_background_takes_a_look_or_a_cancellation_to_end() -> None:
    memory = Responses()
    told(memory, HI | {"background": True})
    told(memory, HI | {"background": True}, 2)
    states = [ready(about(memory, "response"))["status"] for _ in range(3)]
    assert states == ["in_progress", "completed", "completed"]
    cancelled = ready(about(memory, "cancel_response", "resp_lab_2"))
    assert (cancelled["status"], cancelled["output"]) == ("cancelled", [])
    assert ready(about(memory, "response", "resp_lab_2"))["status"] == "cancelled"
    told(memory, HI, 3)
    fault = about(memory, "cancel_response", "resp_lab_3").fault
    assert fault is not None
    assert "synchronous" in fault.message


def test_items_are_found_by_reference_or_reported_unknown() -> None:
    memory = Responses()
    told(memory, HI)
    given = [
        {"type": "item_reference", "id": "msg_lab_1"},
        {"type": "item_reference", "id": "msg_9"},
        {"type": "reasoning", "id": "rs_9", "summary": []},
        {"type": "reasoning", "id": "rs_8", "summary": [], "encrypted_content": "x"},
    ]
    question = told(memory, HI | {"input": given}, 2)
    assert question.prompt.texts == ("ok1: Hello from the lab.",)
    assert question.unknown == ("msg_9", "rs_9")


def test_memory_is_bounded() -> None:
    memory = Responses()
    for number in range(RESPONSES_MAX + 2):
        told(memory, HI, number)
    assert about(memory, "response", "resp_lab_1").fault is not None
    assert about(memory, "response", "resp_lab_2").fault is None


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_other_wires_are_left_alone(wire: str) -> None:
    question = replace(asked("responses", HI), wire=wire)
    assert Responses().recall(question) == question
