"""Perplexity's and xAI's citations, which stand beside the answer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.frames import Frame
from headgate.dialects.anthropic import ANTHROPIC
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.dialects.openai_chat.sources import sources_of, without_sources
from headgate.dialects.openai_responses import OPENAI_RESPONSES
from headgate.ir.collect import collect
from headgate.ir.reply import Reply
from headgate.ir.request import Text

RESULT = {"url": "https://b", "title": "B", "snippet": "says b", "date": "2026-01-01"}
BESIDE: dict[str, Any] = {"citations": ["https://a", "https://b"], "search_results": [RESULT]}


def whole(message: dict[str, Any], **beside: Any) -> Reply:
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return OPENAI_CHAT.decode_reply(msgspec.json.encode({"choices": [choice], **beside}))


def streamed(*deltas: dict[str, Any], **beside: Any) -> Reply:
    decoder, events = OPENAI_CHAT.stream_decoder(), []
    for delta in (*deltas, None):
        choice = {"index": 0, "delta": delta or {}, "finish_reason": None if delta else "stop"}
        chunk = {"id": "c", "choices": [choice], **beside}
        events += decoder.feed(Frame(msgspec.json.encode(chunk)))
    return collect([*events, *decoder.end()])


def links(reply: Reply) -> list[tuple[str, str]]:
    return [
        (citation.url, citation.title)
        for part in reply.choices[0].parts
        if isinstance(part, Text)
        for citation in part.citations
    ]


def test_links_keep_the_order_in_which_texts_count_them() -> None:
    first, second = sources_of(BESIDE)
    assert (first.url, first.title, first.native) == ("https://a", "", None)
    assert (second.url, second.title, second.native) == ("https://b", "B", RESULT)
    assert [c.url for c in sources_of({"search_results": [RESULT, RESULT]})] == ["https://b"]
    assert [c.url for c in sources_of(BESIDE, {"https://a"})] == ["https://b"]


@pytest.mark.parametrize(
    "wire",
    [{}, {"citations": "x"}, {"citations": [1, None, ""]}, {"search_results": [{"title": "t"}, 5]}],
)
def test_what_holds_no_link_is_no_source(wire: dict[str, Any]) -> None:
    assert sources_of(wire) == ()


def test_a_hostile_list_is_bounded() -> None:
    assert len(sources_of({"citations": [f"https://{n}" for n in range(10_000)]})) == 256


def test_the_rest_of_what_nobody_reads_stays() -> None:
    assert without_sources(BESIDE | {"odd": 1}) == {"odd": 1}


def test_whole_answers_and_streams_are_cited_alike() -> None:
    found = [("https://a", ""), ("https://b", "B")]
    reply = whole({"content": "a[1] b[2]"}, **BESIDE, odd=1)
    assert links(reply) == found
    assert reply.extras == {"openai_chat": {"odd": 1}}
    reply = streamed({"content": "a[1] "}, {"content": "b[2]"}, **BESIDE, odd=1)
    assert links(reply) == found
    assert reply.extras == {"openai_chat": {"odd": 1}}


def test_links_that_annotations_tell_are_told_once() -> None:
    note = {"type": "url_citation", "url_citation": {"url": "https://a", "title": "A"}}
    message = {"content": "a", "annotations": [note]}
    for reply in (whole(message, **BESIDE), streamed(message, **BESIDE)):
        assert links(reply) == [("https://a", "A"), ("https://b", "B")]


def test_without_a_text_they_stay_what_nobody_reads() -> None:
    for reply in (whole({"content": None}, **BESIDE), streamed({"role": "a"}, **BESIDE)):
        assert reply.extras == {"openai_chat": BESIDE}


def test_callers_of_other_dialects_get_the_links_and_hear_of_the_rest() -> None:
    reply = whole({"content": "a[1] b[2]"}, **BESIDE)
    for dialect in (ANTHROPIC, OPENAI_RESPONSES):
        context = ReplyContext(model="m", reply_id="r", created=1)
        body = dialect.encode_reply(reply, context).decode()
        assert all(text in body for text in ("https://a", "https://b", '"B"'))
        assert {loss.field: loss.action for loss in context.losses} == {
            "reply.citations": "changed"
        }
