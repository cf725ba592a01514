from __future__ import annotations

import msgspec

from headgate.base.frames import Frame
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.openai_chat.leftovers import leftovers_in, leftovers_of
from headgate.dialects.openai_chat.reply import decode_reply, encode_reply
from headgate.dialects.openai_chat.stream import ChatStreamDecoder
from headgate.ir.collect import collect
from headgate.ir.request import Json

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}, "w": 4}
REPLY: Json = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 7,
    "model": "m",
    "provider": "P",
    "nothing": [],
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "a", "z": 3, "tool_calls": [CALL]},
            "finish_reason": "tool_calls",
            "native_finish_reason": "TOOLS",
        }
    ],
}
LEFT = {
    "provider": "P",
    "choices[0].native_finish_reason": "TOOLS",
    "choices[0].message.z": 3,
    "choices[0].message.tool_calls[0].w": 4,
}


def test_what_nobody_reads_is_kept_by_its_path() -> None:
    assert leftovers_of(REPLY) == LEFT
    assert leftovers_in(b"[1]") == leftovers_in(b"{") == {}


def test_callers_of_the_same_dialect_get_it_back() -> None:
    reply = decode_reply(msgspec.json.encode(REPLY))
    assert reply.extras == {"openai_chat": LEFT}
    context = ReplyContext(model="m", reply_id="r", created=0)
    assert leftovers_in(encode_reply(reply, context)) == LEFT
    assert len(context.losses) == 0


def test_streams_tell_it_in_their_first_and_last_chunks() -> None:
    head = {"id": "1", "model": "m", "provider": "P"}
    chunks = [
        {**head, "choices": [{"index": 0, "delta": {"content": "a"}}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "raw": "EOS"}]},
        {**head, "choices": [], "cost": 1},
    ]
    decoder = ChatStreamDecoder()
    events = [
        event for chunk in chunks for event in decoder.feed(Frame(msgspec.json.encode(chunk)))
    ]
    reply = collect([*events, *decoder.end()])
    assert reply.extras == {"openai_chat": {"provider": "P", "choices[0].raw": "EOS", "cost": 1}}


def test_an_upstream_cannot_fill_the_memory() -> None:
    assert len(leftovers_of({f"x{number}": 1 for number in range(1000)})) == 64
