"""What we write for callers, held against the types of OpenAI's own SDK."""

from __future__ import annotations

from hypothesis import given, settings
from msgspec import structs
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.completion import Completion

from headgate.dialects.completions import COMPLETIONS
from headgate.dialects.dialect import Dialect, ReplyContext
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.ir.collect import replay
from headgate.ir.reply import Reply
from headgate.ir.request import ToolCall
from tests.dialects.openai_chat.made import replies

CONTEXT = ReplyContext(model="m", reply_id="r", created=7, include_usage=True)


def chunks(dialect: Dialect, reply: Reply) -> list[bytes]:
    """Write a reply as a stream; give each chunk's JSON, without [DONE]."""
    encoder = dialect.stream_encoder(CONTEXT)
    data = b"".join(encoder.feed(event) for event in replay(reply))
    *frames, done = dialect.frame_decoder().feed(data)
    assert done.data == b"[DONE]"
    return [frame.data for frame in frames]


def known_to_the_sdk(reply: Reply) -> Reply:
    """Leave out what the SDK's types do not know: custom calls in streams, made-up words."""
    choices = []
    for choice in reply.choices:
        parts = [part for part in choice.parts if not (isinstance(part, ToolCall) and part.custom)]
        bare = structs.replace(choice, parts=tuple(parts), logprobs=None)
        choices.append(bare)
    return structs.replace(reply, choices=tuple(choices), service_tier=None)


@given(replies())
@settings(max_examples=30)
def test_replies_are_what_the_sdk_takes(reply: Reply) -> None:
    bare = known_to_the_sdk(reply)
    whole = ChatCompletion.model_validate_json(OPENAI_CHAT.encode_reply(bare, CONTEXT))
    assert whole.id == bare.reply_id
    assert whole.usage is not None
    for chunk in chunks(OPENAI_CHAT, bare):
        assert ChatCompletionChunk.model_validate_json(chunk).model == bare.model


@given(replies())
@settings(max_examples=30)
def test_legacy_completions_are_what_the_sdk_takes(reply: Reply) -> None:
    bare = known_to_the_sdk(reply)
    whole = Completion.model_validate_json(COMPLETIONS.encode_reply(bare, CONTEXT))
    assert len(whole.choices) == len(bare.choices)
