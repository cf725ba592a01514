"""Replies in the IR with a mark in every value, and the names under which losses speak of each.

What an upstream's own words become is for the dialects' own tests; here is what every caller must
get of them, or be told of.
"""

from __future__ import annotations

from typing import NamedTuple

from headgate.ir.reply import Choice, Finish, FinishReason, Reply
from headgate.ir.request import (
    Audio,
    Citation,
    File,
    Image,
    Inline,
    Opaque,
    Part,
    Refusal,
    Remote,
    Signature,
    Text,
    Thinking,
    ToolCall,
    Uploaded,
)
from headgate.ir.usage import Usage
from tests.dialects.bodies.marks import Marks


class Said(NamedTuple):
    """A part, and what it may be called in the losses."""

    part: Part
    names: tuple[str, ...]


def texts(m: Marks, origin: str) -> list[Said]:
    """Make texts with all that may hang on them."""
    title = m.text()
    native = {"type": "odd_location", "title": title, "x": m.text()}
    return [
        Said(Text(text=m.text()), ()),
        Said(Text(text=m.text(), signature=Signature(origin, m.text())), ("reply.signature",)),
        Said(
            Text(
                text="abcdef",
                citations=(
                    Citation(url=m.text("https://h/"), title=m.text(), start=1, end=3),
                    Citation(url=m.text("https://h/"), cited_text=m.text()),
                    Citation(title=title, origin=origin, native=native),
                ),
            ),
            ("reply.citations",),
        ),
    ]


def _proof(m: Marks, origin: str) -> Signature:
    """Make a proof; OpenAI's is the whole entry of `reasoning_details`."""
    value = m.text()
    if origin == "openai_chat":
        value = f'{{"type":"reasoning.encrypted","data":"{value}"}}'
    return Signature(origin, value)


def others(m: Marks, origin: str) -> list[Said]:
    """Make parts of every other kind."""
    proof = _proof(m, origin)
    png, wav = "image/png", "audio/wav"
    block = {"type": "odd_tool_result", "x": m.text()}
    sound = Audio(source=Inline(wav, m.base64()), transcript=m.text(), audio_id=m.text())
    return [
        Said(Thinking(text=m.text()), ("reply.thinking",)),
        Said(Thinking(text=m.text(), signature=proof), ("reply.thinking", "reply.signature")),
        Said(
            Thinking(redacted=True, signature=_proof(m, origin)),
            ("reply.thinking", "reply.signature"),
        ),
        Said(Refusal(text=m.text()), ("reply.refusal",)),
        Said(call(m, f'{{"q": "{m.text()}"}}'), ("reply.tool_calls",)),
        Said(call(m, m.text()), ("reply.tool_calls",)),
        Said(
            ToolCall(call_id=m.text(), name=m.text(), arguments=m.text(), custom=True),
            ("reply.tool_calls",),
        ),
        Said(
            ToolCall(call_id=m.text(), name=m.text(), signature=Signature(origin, m.text())),
            ("reply.tool_calls", "reply.signature"),
        ),
        Said(Image(source=Inline(png, m.base64())), ("reply.image",)),
        Said(Image(source=Remote(m.text("https://h/"), png)), ("reply.image",)),
        Said(Image(source=Uploaded(m.text(), origin, png)), ("reply.image",)),
        Said(
            Image(source=Inline(png, m.base64()), signature=Signature(origin, m.text())),
            ("reply.image", "reply.signature"),
        ),
        Said(sound, ("reply.audio",)),
        Said(Audio(source=Inline(wav, m.base64())), ("reply.audio",)),
        Said(Audio(source=Remote(m.text("https://h/"), wav)), ("reply.audio",)),
        Said(
            File(source=Inline("application/pdf", m.base64()), name=m.text()),
            ("reply.file", "reply.file.name"),
        ),
        Said(Opaque(dialect=origin, block=block), ("reply.odd_tool_result",)),
    ]


def call(m: Marks, arguments: str) -> ToolCall:
    """Make a call."""
    return ToolCall(call_id=m.text(), name=m.text(), arguments=arguments)


def whole(parts: list[Part], reason: FinishReason = "stop") -> Reply:
    """Make a reply of these parts."""
    choice = Choice(parts=tuple(parts), finish=Finish(reason=reason))
    return Reply(reply_id="r1", model="m", choices=(choice,), usage=Usage(input=1, output=1))


def wholes(m: Marks, origin: str) -> dict[str, tuple[Reply, tuple[str, ...]]]:
    """Make replies with what is no part, by its field, and what it may be called."""
    text = Text(text="a")
    entry = {"token": m.text(), "logprob": -m.fraction(), "top_logprobs": []}
    stop, usage = Finish(reason="stop"), Usage(input=1, output=1)
    ended = Finish(reason="stop_sequence", stop_sequence=m.text())
    plain = Choice(parts=(text,), finish=stop)
    return {
        "choices": (
            Reply(
                reply_id="r1",
                model="m",
                choices=(plain, Choice(parts=(Text(text=m.text()),), finish=stop, index=1)),
                usage=usage,
            ),
            ("reply.choices",),
        ),
        "logprobs": (
            Reply(
                reply_id="r1",
                model="m",
                choices=(Choice(parts=(text,), finish=stop, logprobs={"content": [entry]}),),
                usage=usage,
            ),
            ("reply.logprobs",),
        ),
        "stop_sequence": (
            Reply(
                reply_id="r1",
                model="m",
                choices=(Choice(parts=(text,), finish=ended),),
                usage=usage,
            ),
            ("reply.stop_sequence",),
        ),
        "service_tier": (
            Reply(reply_id="r1", model="m", choices=(plain,), usage=usage, service_tier=m.text()),
            ("reply.service_tier",),
        ),
        "extras": (
            Reply(
                reply_id="r1",
                model="m",
                choices=(plain,),
                usage=usage,
                extras={origin: {"odd_field": m.text()}},
            ),
            ("reply.odd_field",),
        ),
        "names": (
            Reply(reply_id="r1", model=m.text(), choices=(plain,), usage=usage),
            (),
        ),
    }
