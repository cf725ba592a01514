from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.completions import COMPLETIONS
from headgate.dialects.dialect import ReplyContext, Target
from headgate.ir.collect import collect, replay
from headgate.ir.events import Event, Failed, Started
from headgate.ir.loss import Losses
from headgate.ir.reply import Choice, Finish, Reply
from headgate.ir.request import ChatRequest, Text, Thinking, ToolCall, Turn
from headgate.ir.usage import Usage

CONTEXT = ReplyContext(model="asked", reply_id="r", created=7)
LOGPROBS = {
    "content": [
        {"token": "he", "logprob": -1.0, "top_logprobs": [{"token": "he", "logprob": -1.0}]},
        {"token": "y", "logprob": -2.0, "top_logprobs": []},
    ]
}
LEGACY = {
    "tokens": ["he", "y"],
    "token_logprobs": [-1.0, -2.0],
    "top_logprobs": [{"he": -1.0}, {}],
    "text_offset": [0, 2],
}
REPLY = Reply(
    reply_id="cmpl-1",
    model="m",
    created=9,
    choices=(
        Choice(
            parts=(Thinking(text="hm"), Text(text="hey")),
            finish=Finish(reason="stop", raw_reason="stop"),
            logprobs=LOGPROBS,
        ),
        Choice(parts=(Text(text="b"),), finish=Finish(reason="length"), index=1),
    ),
    usage=Usage(input=3, output=4),
)


def asked(**options: Any) -> ChatRequest:
    return COMPLETIONS.decode_request(msgspec.json.encode({"model": "m", **options}))


def streamed(reply: Reply, include_usage: bool = False) -> list[Any]:
    """Write a reply as a stream; give each chunk's JSON, and "[DONE]" as itself."""
    context = msgspec.structs.replace(CONTEXT, include_usage=include_usage)
    encoder = COMPLETIONS.stream_encoder(context)
    data = b"".join(encoder.feed(event) for event in replay(reply))
    texts = [frame.data for frame in COMPLETIONS.frame_decoder().feed(data)]
    return ["[DONE]" if text == b"[DONE]" else msgspec.json.decode(text) for text in texts]


def test_a_prompt_is_a_message_of_the_user() -> None:
    options = {"max_tokens": 5, "temperature": 0.5, "seed": 1, "n": 2, "user": "u", "stream": True}
    request = asked(
        prompt="Say", stop="x", logprobs=3, stream_options={"include_usage": True}, **options
    )
    assert request.turns == (Turn(role="user", parts=(Text(text="Say"),)),)
    assert {name: getattr(request, name) for name in options} == options
    assert (request.stop, request.logprobs, request.top_logprobs) == (("x",), True, 3)
    assert request.include_usage


def test_one_prompt_in_a_list_is_one_prompt() -> None:
    assert asked(prompt=["Say"]).turns == asked(prompt="Say").turns


def test_what_a_chat_cannot_do_is_named_as_a_loss() -> None:
    request = asked(prompt="Say", suffix="end", echo=True, best_of=None)
    assert request.extras == {"openai_completions": {"suffix": "end", "echo": True}}


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1], [2]]}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": "a", "temperature": "hot"}, "temperature"),
    ],
)
def test_what_a_chat_cannot_hold_is_refused_with_its_place(
    options: dict[str, Any], place: str
) -> None:
    with pytest.raises(RelayError) as raised:
        asked(**options)
    assert raised.value.failure.kind is FailureKind.INVALID_REQUEST
    assert raised.value.failure.param == place


def test_broken_json_is_called_so() -> None:
    with pytest.raises(RelayError) as raised:
        COMPLETIONS.decode_request(b"{")
    assert raised.value.failure.kind is FailureKind.INVALID_JSON


def test_a_chats_reply_comes_back_as_text() -> None:
    wire = msgspec.json.decode(COMPLETIONS.encode_reply(REPLY, CONTEXT))
    assert wire["object"] == "text_completion"
    assert wire["choices"] == [
        {"text": "hey", "index": 0, "logprobs": LEGACY, "finish_reason": "stop"},
        {"text": "b", "index": 1, "logprobs": None, "finish_reason": "length"},
    ]
    assert wire["usage"]["total_tokens"] == 7


def test_ids_look_like_completions() -> None:
    reply = msgspec.structs.replace(REPLY, reply_id="msg_1")
    assert msgspec.json.decode(COMPLETIONS.encode_reply(reply, CONTEXT))["id"] == "cmpl-msg_1"


def test_a_stream_holds_the_text_and_nothing_else() -> None:
    chunks = streamed(REPLY)
    assert chunks.pop() == "[DONE]"
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    assert [chunk["choices"][0] for chunk in chunks] == [
        {"text": "hey", "index": 0, "logprobs": LEGACY, "finish_reason": None},
        {"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"},
        {"text": "b", "index": 1, "logprobs": None, "finish_reason": None},
        {"text": "", "index": 1, "logprobs": None, "finish_reason": "length"},
    ]
    assert all("usage" not in chunk for chunk in chunks)


def test_who_asked_gets_the_usage_in_a_chunk_without_choices() -> None:
    *earlier, usage, _ = streamed(REPLY, include_usage=True)
    assert all(chunk["usage"] is None for chunk in earlier)
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 7)


def test_tool_calls_have_no_place_in_a_text() -> None:
    call = ToolCall(call_id="c", name="f", arguments="{}")
    reply = Reply(
        reply_id="r",
        model="m",
        choices=(Choice(parts=(call,), finish=Finish(reason="tool_calls")),),
    )
    finish, _ = streamed(reply)
    assert finish["choices"][0] == {
        "text": "",
        "index": 0,
        "logprobs": None,
        "finish_reason": "stop",
    }


def test_after_a_failure_nothing_follows() -> None:
    encoder = COMPLETIONS.stream_encoder(CONTEXT)
    encoder.feed(Started())
    failed = Failed(Failure(kind=FailureKind.UPSTREAM_INTERRUPTED, message="cut"))
    assert b'"request_id":"r"' in encoder.feed(failed)
    assert all(encoder.feed(event) == b"" for event in replay(REPLY))


def test_a_vendors_own_completion_is_read() -> None:
    body = (
        b'{"id":"cmpl-1","object":"text_completion","created":9,"model":"m","choices":[{"text":'
        b'"hey","index":0,"logprobs":null,"finish_reason":"length"}],'
        b'"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}'
    )
    assert COMPLETIONS.inspect_reply(body) is None
    assert COMPLETIONS.read_usage(body) == Usage(input=3, output=4)
    reply = COMPLETIONS.decode_reply(body)
    (choice,) = reply.choices
    assert choice.parts == (Text(text="hey"),)
    assert choice.finish.reason == "length"
    assert reply.usage == Usage(input=3, output=4)


def test_an_empty_completion_is_no_answer() -> None:
    body = b'{"choices":[{"text":"","index":0,"finish_reason":"stop"}]}'
    assert COMPLETIONS.inspect_reply(body) is not None


def test_a_vendors_own_stream_is_read_and_metered() -> None:
    stream = (
        b'data: {"id":"cmpl-1","choices":[{"text":"he","index":0,"finish_reason":null}]}\n\n'
        b'data: {"id":"cmpl-1","choices":[{"text":"y","index":0,"finish_reason":"stop"}]}\n\n'
        b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
        b"data: [DONE]\n\n"
    )
    decoder, meter, events = COMPLETIONS.stream_decoder(), COMPLETIONS.meter(False), list[Event]()
    frames = COMPLETIONS.frame_decoder().feed(stream)
    shown = [meter.feed(frame) for frame in frames]
    for frame in frames:
        events += decoder.feed(frame)
    reply = collect([*events, *decoder.end()])
    assert reply.choices[0].parts == (Text(text="hey"),)
    assert reply.usage == meter.usage == Usage(input=3, output=4)
    assert shown == [True, True, False, True]
    assert COMPLETIONS.inspect_first(frames[0]) is None


def test_a_chat_is_not_sent_to_a_completions_endpoint() -> None:
    with pytest.raises(RelayError) as raised:
        COMPLETIONS.encode_request(
            ChatRequest(model="m", turns=()), Target(model="m"), Losses("openai_completions")
        )
    assert raised.value.failure.kind is FailureKind.UNSUPPORTED_OPERATION


def test_of_an_answer_what_is_no_text_is_named() -> None:
    call = ToolCall(call_id="c", name="f")
    parts = (Thinking(text="hm"), Text(text="hey"), call)
    finish = Finish(reason="tool_calls")
    reply = Reply(reply_id="r", model="m", choices=(Choice(parts=parts, finish=finish),))
    named = ["reply.thinking", "reply.tool_calls", "reply.finish_reason"]
    whole, streaming = (ReplyContext(model="m", reply_id="r", created=0) for _ in range(2))
    COMPLETIONS.encode_reply(reply, whole)
    encoder = COMPLETIONS.stream_encoder(streaming)
    for event in replay(reply):
        encoder.feed(event)
    assert [loss.field for loss in whole.losses] == named
    assert [loss.field for loss in streaming.losses] == named


def test_log_probabilities_of_an_odd_form_do_no_harm() -> None:
    choice = Choice(parts=(), finish=Finish(reason="stop"), logprobs={"content": [{}, 7]})
    reply = Reply(reply_id="r", model="m", choices=(choice,))
    body = msgspec.json.decode(COMPLETIONS.encode_reply(reply, CONTEXT))
    assert body["choices"][0]["logprobs"]["tokens"] == [""]
