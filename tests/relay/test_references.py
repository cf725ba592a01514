"""Ids in what callers send, and in what upstreams answer."""

import msgspec
import pytest

from headgate.relay.references import is_marked, mentioned, mentioned_plainly, told


@pytest.mark.parametrize(
    "body",
    [
        b'{"input_file_id":"file-abc123"}',
        rb'{"input_file_id":"\u0066ile\u002dabc123"}',
        rb'{"input_file_id":"file\u002Dabc123","input_file_id":"file-own1234"}',
        rb'{"a":{"file_ids":["x","file-abc\u0031\u00323"]}}',
        b'{"file-abc123":1}',
    ],
)
def test_id_is_found_however_it_is_written(body: bytes) -> None:
    assert "file-abc123" in mentioned(body)


def test_id_is_found_in_a_field_of_a_form() -> None:
    assert "file-abc123" in mentioned_plainly(b' file-abc123\n["file-def456"]')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file-abc123", True),
        ("vs_AbCdEfGh", True),
        ("file_search", False),
        ("batch_size", False),
        ("step_details", False),
        ("gpt-4o", False),
    ],
)
def test_names_of_fields_and_tools_are_no_ids(text: str, expected: bool) -> None:
    assert is_marked(text) is expected


def test_answer_tells_its_own_id_and_those_that_it_refers_to() -> None:
    answer = {
        "id": "batch_1",
        "output_file_id": "file-out999",
        "result_files": ["file-res111"],
        "tool_resources": {"file_search": {"vector_store_ids": ["vs_stored1"]}},
        "data": [{"id": "msg_data111"}],
    }
    own, others = told(msgspec.json.encode(answer))
    assert own == "batch_1"
    assert others == ["file-out999", "file-res111", "vs_stored1", "msg_data111"]


@pytest.mark.parametrize(
    "answer",
    [
        {"metadata": {"file_id": "file-victim1"}},
        {"text": {"value": "file-victim1", "annotations": []}},
        {"tools": [{"input_schema": {"id": "file-victim1"}}]},
        {"name": "file-victim1"},
        ["file-victim1"],
    ],
)
def test_words_of_callers_and_models_tell_of_nothing(answer: object) -> None:
    assert told(msgspec.json.encode(answer)) == ("", [])


@pytest.mark.parametrize("answer", [b"", b"{", b"[" * 5000, b"1"])
def test_what_is_no_object_tells_of_nothing(answer: bytes) -> None:
    assert told(answer) == ("", [])
