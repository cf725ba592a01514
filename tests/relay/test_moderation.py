"""Keys with moderation have the caller's last words checked (`uni-api.md` 2.4; 6.2, case 103)."""

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.providers.provider import Operation
from headgate.relay.moderation import check_verdict, last_user_text, moderation_call
from tests.calls import call
from tests.facts import key, offer

MODERATED = key([offer("a")], "omni-moderation-latest")


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            {"messages": [user("first"), {"role": "assistant", "content": "x"}, user("last")]},
            "last",
        ),
        (
            {"messages": [user([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])]},
            "a\nb",
        ),
        ({"messages": [user("words"), user("")]}, "words"),
        ({"messages": [user("words"), user([{"type": "image_url"}])]}, "words"),
        ({"messages": [{"role": "system", "content": "x"}]}, ""),
        ({"messages": ["odd", user(None)]}, ""),
        ({"prompt": "legacy"}, "legacy"),
        ({"input": ["one", "two"]}, "one\ntwo"),
        ({"query": "tea", "documents": ["a"]}, "tea"),
        ({"input": [user("words")]}, "words"),
        ({"input": [user([{"type": "input_text", "text": "words"}])]}, "words"),
        ({"input": [user("words"), {"type": "function_call_output", "output": "x"}]}, "words"),
        ({"input": [{"role": "assistant", "content": "x"}]}, ""),
        ({"prompt": {"id": "pmpt_1"}, "input": [user("words")]}, "words"),
        ({"contents": [{"role": "user", "parts": [{"text": "words"}]}]}, "words"),
        ({"contents": [{"parts": [{"text": "a"}, {"text": "b"}]}, {"role": "model"}]}, "a\nb"),
        ({"contents": {"parts": [{"text": "words"}]}}, "words"),
        ({"contents": "words"}, "words"),
        ({"content": {"parts": [{"text": "words"}]}}, "words"),
        ({"requests": [{"content": {"parts": [{"text": "a"}]}}]}, "a"),
        ({}, ""),
    ],
)
def test_last_words_of_the_user_are_found(body: dict[str, Any], text: str) -> None:
    assert last_user_text(call(body)) == text


def test_question_asks_the_keys_own_moderation_model() -> None:
    question = moderation_call(call(), MODERATED)
    assert question is not None
    assert (question.operation, question.model) == (
        Operation.MODERATIONS,
        "omni-moderation-latest",
    )
    assert msgspec.json.decode(question.body) == {
        "model": "omni-moderation-latest",
        "input": "hello",
    }


def test_older_moderation_model_will_do() -> None:
    question = moderation_call(call(), key([offer("a")], "text-moderation-latest"))
    assert question is not None
    assert question.model == "text-moderation-latest"


def test_callers_headers_do_not_go_along() -> None:
    question = moderation_call(call(headers=[(b"openai-beta", b"x")]), MODERATED)
    assert question is not None
    assert question.headers == []


def test_wordless_request_needs_no_question() -> None:
    assert moderation_call(call({"messages": []}), MODERATED) is None


def test_key_that_reaches_no_moderation_model_is_refused() -> None:
    with pytest.raises(RelayError, match="omni-moderation-latest") as refused:
        moderation_call(call(), key([offer("a")]))
    assert refused.value.failure.kind is FailureKind.FORBIDDEN


def test_clean_words_pass() -> None:
    check_verdict(b'{"results": [{"flagged": false}]}')


def test_flagged_words_do_not() -> None:
    with pytest.raises(RelayError) as refused:
        check_verdict(b'{"results": [{"flagged": false}, {"flagged": true}]}')
    failure = refused.value.failure
    assert failure.http_status == 400
    assert failure.message == ("Content did not pass the moral check, please modify and try again.")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"results": []}', b"<html>"])
def test_what_cannot_be_checked_does_not_pass(body: bytes) -> None:
    with pytest.raises(RelayError):
        check_verdict(body)
