"""Made-up replies for property tests: every kind of part, as any decoder could give them."""

from __future__ import annotations

from hypothesis import strategies as st

from headgate.ir.reply import Choice, Finish, Reply
from headgate.ir.request import (
    Audio,
    Citation,
    Image,
    Inline,
    Opaque,
    Part,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from headgate.ir.usage import Usage

words = st.text(max_size=12)
names = st.text("abcdefgh_", min_size=1, max_size=8)
counts = st.integers(0, 10_000)
signatures = st.none() | st.builds(Signature, origin=st.sampled_from(["a", "b"]), value=names)
inline = st.builds(Inline, media_type=st.just("image/png"), data=st.just("iVBORw0KGgo="))
citations = st.lists(
    st.builds(Citation, url=names, title=words, start=counts, end=counts), max_size=2
).map(tuple)

parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, text=words, citations=citations, signature=signatures),
    st.builds(Thinking, text=words, signature=signatures),
    st.builds(Thinking, redacted=st.just(True), signature=signatures),
    st.builds(Refusal, text=words),
    st.builds(ToolCall, call_id=names, name=names, arguments=words, signature=signatures),
    st.builds(Image, source=inline),
    st.builds(Audio, source=inline, transcript=words, audio_id=names),
    st.builds(Opaque, dialect=names, block=st.dictionaries(names, words, max_size=2)),
)
usages = st.none() | st.builds(
    Usage, input=counts, cache_read=counts, cache_write=counts, output=counts
)
finishes = st.builds(
    Finish, reason=st.sampled_from(["stop", "length", "tool_calls"]), raw_reason=words
)
logprobs = st.fixed_dictionaries(
    {"content": st.none() | st.lists(st.fixed_dictionaries({"token": words}), max_size=3)}
)


@st.composite
def choices(draw: st.DrawFn, index: int) -> Choice:
    """Draw one choice; logprobs only where a part can carry them in a stream."""
    drawn = tuple(draw(st.lists(parts, max_size=4)))
    return Choice(
        index=index,
        parts=drawn,
        finish=draw(finishes),
        logprobs=draw(st.none() | logprobs) if drawn else None,
    )


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Draw a reply with one choice or a few."""
    return Reply(
        reply_id=draw(words),
        model=draw(words),
        choices=tuple(draw(choices(index)) for index in range(draw(st.integers(1, 3)))),
        usage=draw(usages),
        created=draw(counts),
        service_tier=draw(st.none() | names),
        system_fingerprint=draw(st.none() | names),
    )
