from __future__ import annotations

import msgspec
import pytest

from headgate.dialects.openai_chat.wire import decode_chunk, glance


def test_a_chunk_of_the_usual_types_is_read_as_it_is() -> None:
    chunk = decode_chunk(
        b'{"id":"c","created":7,"choices":[{"index":1,"delta":{"content":"a"}}],"usage":null}'
    )
    assert (chunk.id, chunk.created) == ("c", 7)
    assert chunk.choices is not None
    assert chunk.choices[0].delta is not None
    assert chunk.choices[0].delta.content == "a"
    assert bytes(chunk.usage) == b"null"


def test_bent_types_are_straightened() -> None:
    chunk = decode_chunk(
        b'{"id":7,"created":7.9,"usage":{"prompt_tokens":1},"choices":[{"index":null,"delta":'
        b'{"reasoning":{},"content":{"a":1},"tool_calls":{"function":{"name":"f","arguments":'
        b'{"b":2}}}},"logprobs":[]}]}'
    )
    assert (chunk.id, chunk.created) == (None, 7)
    assert bytes(chunk.usage) == b'{"prompt_tokens":1}'
    assert chunk.choices is not None
    delta = chunk.choices[0].delta
    assert delta is not None
    assert (delta.content, delta.reasoning) == ('{"a":1}', None)
    assert delta.tool_calls is not None
    assert delta.tool_calls[0].function is not None
    assert delta.tool_calls[0].function.arguments == '{"b":2}'


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"[]", b'"a"', b"{", b'{"choices":[{"index":[]}]}']
)
def test_what_is_no_chunk_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_chunk(data)


@pytest.mark.parametrize(
    ("choice", "says_something"),
    [
        (b'{"message":{"content":"a"}}', True),
        (b'{"delta":{"reasoning":"a"}}', True),
        (b'{"delta":{"tool_calls":[{}]}}', True),
        (b'{"message":{"audio":{"data":"a"}}}', True),
        (b'{"text":"a"}', True),
        (b'{"text":""}', False),
        (b'{"message":{"content":"","refusal":null,"tool_calls":[]}}', False),
        (b'{"delta":{"role":"assistant"}}', False),
        (b"{}", False),
    ],
)
def test_a_glance_tells_whether_there_is_an_answer(choice: bytes, says_something: bool) -> None:
    seen = glance(b'{"choices":[%b]}' % choice)
    assert seen.choices is not None
    assert seen.choices[0].says_something is says_something


@pytest.mark.parametrize(
    ("error", "is_there"), [(b"null", False), (b"{}", False), (b'""', False), (b'{"code":1}', True)]
)
def test_a_glance_tells_whether_there_is_an_error(error: bytes, is_there: bool) -> None:
    assert glance(b'{"error":%b}' % error).has_error is is_there
