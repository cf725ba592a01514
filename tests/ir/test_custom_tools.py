"""Free-text tools as functions, and their calls back again."""

import pytest

from headgate.ir.collect import collect, replay
from headgate.ir.custom_tools import CustomCalls, as_functions, custom_names, with_custom_calls
from headgate.ir.events import Event, PartDelta, PartEnded, PartStarted
from headgate.ir.loss import Losses
from headgate.ir.reply import Choice, Finish, Reply
from headgate.ir.request import ChatRequest, CustomTool, Signature, Text, Tool, ToolCall, Turn

PATCH = CustomTool(name="patch", description="Edits.", format={"type": "text"})
PLAIN = Tool(name="plain", schema={"type": "object"})


def asking(*calls: ToolCall) -> ChatRequest:
    turn = Turn(role="assistant", parts=(Text(text="so"), *calls))
    return ChatRequest(model="m", turns=(turn,), tools=(PLAIN, PATCH))


def replying(*calls: ToolCall) -> Reply:
    choice = Choice(parts=(Text(text="so"), *calls), finish=Finish(reason="tool_calls"))
    return Reply(reply_id="r", model="m", choices=(choice,))


def streamed(reply: Reply, names: frozenset[str]) -> Reply:
    calls, events = CustomCalls(names), list[Event]()
    for event in replay(reply):
        events += calls.feed(event)
    return collect(events)


def test_tool_becomes_a_function_and_is_named_as_changed() -> None:
    losses = Losses("x")
    sent = as_functions(asking(), losses)
    assert sent.tools[0] == PLAIN
    tool = sent.tools[1]
    assert isinstance(tool, Tool)
    assert tool.description == 'Edits.\n\nFormat of `input`: {"type":"text"}'
    assert [(loss.field, loss.action) for loss in losses] == [("tools[1]", "changed")]


def test_call_that_was_made_becomes_an_object() -> None:
    sent = as_functions(
        asking(ToolCall(call_id="c", name="patch", arguments='a"b', custom=True)), Losses("x")
    )
    assert sent.turns[0].parts[1] == ToolCall(
        call_id="c", name="patch", arguments='{"input":"a\\"b"}'
    )


def test_request_without_such_tools_is_left_alone() -> None:
    request = ChatRequest(model="m", turns=(), tools=(PLAIN,))
    assert as_functions(request, Losses("x")) is request
    assert custom_names(request) == frozenset()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input":"a\\nb"}', "a\nb"),
        ("not an object", "not an object"),
        ('{"other":1}', '{"other":1}'),
        ('{"input":1}', '{"input":1}'),
        ("", ""),
    ],
)
def test_call_of_a_reply_becomes_custom_again(arguments: str, text: str) -> None:
    other = ToolCall(call_id="d", name="plain", arguments="{}")
    reply = replying(ToolCall(call_id="c", name="patch", arguments=arguments), other)
    wanted = replying(ToolCall(call_id="c", name="patch", arguments=text, custom=True), other)
    names = custom_names(asking())
    assert with_custom_calls(reply, names) == wanted
    assert streamed(reply, names) == wanted


def test_call_that_is_custom_already_stays() -> None:
    reply = replying(ToolCall(call_id="c", name="patch", arguments='{"input":"a"}', custom=True))
    names = custom_names(asking())
    assert with_custom_calls(reply, names) == reply
    assert streamed(reply, names) == reply


def test_proof_on_a_call_that_is_kept_back_stays_on_it() -> None:
    proof = Signature("gemini", "sig")
    calls = CustomCalls(frozenset({"patch"}))
    kept = [
        *calls.feed(PartStarted(0, ToolCall(call_id="c", name="patch"))),
        *calls.feed(PartDelta(0, '{"input":"a"}', signature=proof)),
    ]
    assert kept == []
    started, *_ = calls.feed(PartEnded(0))
    assert started == PartStarted(
        0, ToolCall(call_id="c", name="patch", custom=True, signature=proof)
    )
