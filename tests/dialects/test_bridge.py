"""Dialects by name, and the two ways between them."""

import msgspec

from headgate.dialects.bridge import DIALECTS, error_reader, patched, translated
from headgate.dialects.dialect import Target

BODY = b'{"model":"gpt","messages":[{"role":"user","content":"hello"}],"seed":7,"odd":[ 1 ]}'
TARGET = Target(model="up", alias="gpt")


def test_each_dialect_is_known_by_its_own_name() -> None:
    assert {"openai_chat", "openai_responses", "anthropic", "gemini"} <= set(DIALECTS)
    assert all(dialect.name == name for name, dialect in DIALECTS.items())


def test_errors_are_read_in_the_words_of_the_endpoints_form() -> None:
    cohere = error_reader("cohere")({"id": "x", "message": "no"})
    voyage = error_reader("voyage")({"detail": "no"})
    assert cohere is not None
    assert voyage is not None
    assert cohere.message == voyage.message == "no"


def test_same_dialect_keeps_what_was_sent() -> None:
    fields = msgspec.json.decode(BODY, type=dict[str, msgspec.Raw])
    sent = patched(DIALECTS["openai_chat"], fields, TARGET)
    assert msgspec.json.encode(sent) == BODY.replace(b'"gpt"', b'"up"')


def test_other_dialect_names_what_it_cannot_carry() -> None:
    request = DIALECTS["openai_chat"].decode_request(BODY)
    body, losses = translated(DIALECTS["anthropic"], request, TARGET)
    assert body["model"] == "up"
    assert body["messages"][0]["role"] == "user"
    assert {loss.field for loss in losses} >= {"seed"}
    assert {loss.dialect for loss in losses} == {"anthropic"}
