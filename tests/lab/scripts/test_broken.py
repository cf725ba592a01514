from __future__ import annotations

import gzip
import re
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from headgate.lab.plan import Close, Goodbye, Ping, Plan, Repeat, Reset, Send, Step
from headgate.lab.scripts import broken
from headgate.lab.scripts.answers import hello
from headgate.lab.scripts.table import Script
from headgate.lab.wires import WIRES
from tests.lab.asking import CHAT_WIRES, events, question, said, sent

WHOLE = question()
STREAM = question(stream=True)
ARRAY = replace(question("gemini", stream=True), as_array=True)
# A number of tokens, in the words of any wire.
COUNT = re.compile(rb'(_tokens|Tokens|TokenCount|eval_count)":-?\d')
SSE_SCRIPTS = (
    broken.sse_bad_json, broken.sse_crlf, broken.sse_comments, broken.sse_no_space,
    broken.sse_no_end,
)  # fmt: skip


def writes(plan: Plan) -> list[bytes]:
    return [step.data for step in plan.steps if isinstance(step, Send)]


@pytest.mark.parametrize("asked", [WHOLE, STREAM])
@pytest.mark.parametrize(("script", "end"), [(broken.cut, Reset()), (broken.cut_fin, Close())])
def test_a_cut_sends_the_asked_bytes_and_breaks(asked: Any, script: Script, end: Step) -> None:
    full = sent(hello(asked, 0))
    for number in (1, 100, 300):
        plan = script(asked, number)
        assert sent(plan) == full[:number]
        assert plan.steps[-1] == end
        assert plan.length == hello(asked, 0).length
    assert sent(script(asked, 0)) == full[: len(full) // 2]


def test_a_stream_may_end_before_it_begins() -> None:
    assert writes(broken.done_first(STREAM, 0)) == [b"data: [DONE]\n\n"]
    assert b"message_stop" in sent(broken.done_first(question("anthropic", stream=True), 0))
    assert writes(broken.done_first(question("gemini", stream=True), 0)) == []
    assert sent(broken.done_first(ARRAY, 0)) == b"[]"
    assert said("openai", broken.done_first(WHOLE, 0)) == ""


@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_the_answer_may_have_the_other_form(wire: str) -> None:
    assert events(sent(broken.json_for_stream(question(wire, stream=True), 0))) == []
    assert events(sent(broken.stream_for_json(question(wire), 0)))


@pytest.mark.parametrize("wire", CHAT_WIRES)
@pytest.mark.parametrize("stream", [False, True])
def test_usage_may_be_missing_or_false(wire: str, stream: bool) -> None:
    asked = question(wire, stream=stream, stream_options={"include_usage": True})
    assert COUNT.search(sent(hello(asked, 0)))
    assert not COUNT.search(sent(broken.no_usage(asked, 0)))
    for script, text in (
        (broken.lie_negative, b":-9"),
        (broken.lie_float, b":12.5"),
        (broken.lie_huge, b":1" + b"0" * 30),
        (broken.lie_text, b':"many"'),
        (broken.lie_zero, b":0"),
    ):
        assert text in sent(script(asked, 0))
        assert said(wire, script(asked, 0)) == "ok1: Hello from the lab."


def test_a_flood_repeats_content_for_ever() -> None:
    for wire in CHAT_WIRES:
        last = broken.flood(question(wire), 0).steps[-1]
        assert isinstance(last, Repeat)
        assert len(events(last.data)) == 64


def test_a_big_one_is_one_piece_and_bounded() -> None:
    assert len(said("openai", broken.big(WHOLE, 2))) == 2 << 20
    assert len(said("openai", broken.big(WHOLE, 1000))) == 64 << 20


@pytest.mark.parametrize("wire", CHAT_WIRES)
def test_odd_framing_says_the_same(wire: str) -> None:
    asked = question(wire, stream=True)
    good = events(sent(hello(asked, 0)))
    for script in (broken.sse_crlf, broken.sse_comments, broken.sse_no_space, broken.sse_no_end):
        assert events(sent(script(asked, 0))) == good


def test_odd_framing_is_odd() -> None:
    assert b"\r\n\r\n" in sent(broken.sse_crlf(STREAM, 0))
    assert b"\n\n: LAB" in sent(broken.sse_comments(STREAM, 0))
    assert b"data: " not in sent(broken.sse_no_space(STREAM, 0))
    assert sent(broken.sse_no_end(STREAM, 0)).endswith(b"data: [DONE]")


def test_broken_json_stands_in_mid_stream() -> None:
    good, bad = writes(hello(STREAM, 0)), writes(broken.sse_bad_json(STREAM, 0))
    (broken_one,) = set(bad) - set(good)
    assert [frame for frame in bad if frame != broken_one] == good
    with pytest.raises(msgspec.DecodeError):
        events(broken_one)


def test_characters_are_split_between_writes() -> None:
    plan = broken.sse_split(STREAM, 0)
    assert {len(piece) for piece in writes(plan)[:-1]} == {3}
    assert said("openai", plan) == "ok1: Grüße, 你好 🌊!"
    assert said("openai", broken.sse_split(WHOLE, 0)) == "ok1: Grüße, 你好 🌊!"


@pytest.mark.parametrize("script", SSE_SCRIPTS)
def test_what_has_no_sse_is_answered_as_usual(script: Script) -> None:
    for asked in (WHOLE, ARRAY, replace(STREAM, prompt=WIRES["openai"].read({}))):
        assert script(asked, 0) == hello(asked, 0)


def test_compression_may_be_true_false_or_a_bomb() -> None:
    good = sent(hello(WHOLE, 0))
    assert gzip.decompress(sent(broken.zipped(WHOLE, 0))) == good
    assert sent(broken.zipped_not(WHOLE, 0)) == good
    bomb = broken.zipped_bomb(WHOLE, 0)
    assert len(sent(bomb)) < 1 << 17
    assert len(gzip.decompress(sent(bomb))) == 64 << 20
    for plan in (broken.zipped(WHOLE, 0), broken.zipped_not(WHOLE, 0), bomb):
        assert plan.headers[-1] == ("content-encoding", "gzip")
        assert plan.length == len(sent(plan))


def test_odd_headers_stand_beside_good_ones() -> None:
    headers = dict(broken.odd_headers(WHOLE, 0).headers)
    assert {"set-cookie", "x-oneapi-request-id", "x-request-id", "content-type"} <= set(headers)


def test_connections_close_behind_an_answer_or_before_the_next() -> None:
    assert broken.close_after(WHOLE, 3).close_after == 3
    assert broken.drop_after(WHOLE, 2).drop_after == 2


def test_an_operation_that_is_no_chat_is_answered_as_usual() -> None:
    asked = replace(WHOLE, operation="embeddings")
    for script in (broken.no_usage, broken.lie_float, broken.flood, broken.done_first):
        assert script(asked, 0) == hello(asked, 0)


def test_a_goodbye_comes_in_the_middle_with_its_code() -> None:
    plan = broken.goodbye(STREAM, 1012)
    assert plan.steps[-1] == Goodbye(1012)
    assert 0 < len(sent(plan)) < len(sent(hello(STREAM, 0)))


def test_pings_stand_before_everything_that_is_sent() -> None:
    plan = broken.pings(STREAM, 0)
    assert plan.steps[::2] == (Ping(),) * (len(plan.steps) // 2)
    assert sent(plan) == sent(hello(STREAM, 0))
