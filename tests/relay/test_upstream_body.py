"""What goes to an upstream: as it was sent where nothing must change (`uni-api.md` 6.2, 18, 26)."""

from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.ir.loss import Losses
from headgate.providers.openai_strict import without_strangers
from headgate.providers.provider import Body
from headgate.providers.quirks import without_temperature
from headgate.relay.upstream_body import (
    Translation,
    UpstreamBody,
    same_dialect_body,
    translated_body,
)
from headgate.snapshot.facts import LossPolicy, Offer, Override, Removal
from tests.calls import HELLO, call
from tests.facts import channel, offer

REPORT = LossPolicy.REPORT
ODD = b'{"model":"gpt","messages":[ {"role":"user", "content":"h\\u00e9"} ],"vendor":{"x": 1.00}}'
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


def patched(of: Offer, body: dict[str, Any], *, upstream_streams: bool | None = None) -> Any:
    """The body for an upstream of the caller's dialect, decoded."""
    stream = bool(body.get("stream"))
    asked = call(body, stream=stream)
    wanted = stream if upstream_streams is None else upstream_streams
    return msgspec.json.decode(same_dialect_body(asked, of, "openai_chat", wanted, REPORT).data)


def translated(
    of: Offer, body: dict[str, Any], policy: LossPolicy = LossPolicy.REPORT
) -> UpstreamBody:
    """The body for an upstream that speaks Anthropic's dialect."""
    return translated_body(Translation(call(body)).request, of, "anthropic", False, policy)


def body(**changes: Any) -> dict[str, Any]:
    return {"model": "gpt", "messages": HELLO} | changes


def test_same_dialect_keeps_every_byte_but_the_models_name() -> None:
    sent = same_dialect_body(call(ODD), offer("a", "gpt-up"), "openai_chat", False, REPORT).data
    assert sent == ODD.replace(b'"gpt"', b'"gpt-up"')


def test_unknown_fields_reach_the_upstream() -> None:
    assert patched(offer("a"), body(vendor={"x": [1]}))["vendor"] == {"x": [1]}


def test_stream_is_forced_to_what_the_operator_wants() -> None:
    assert patched(offer("a"), body(stream=True), upstream_streams=False)["stream"] is False
    assert patched(offer("a"), body(), upstream_streams=True)["stream"] is True


def test_usage_is_always_asked_for_in_streams() -> None:
    sent = patched(offer("a"), body(stream=True))
    assert sent["stream_options"]["include_usage"] is True
    assert "stream_options" not in patched(offer("a"), body())


def test_channel_without_tools_gets_none() -> None:
    of = offer(channel("a", tools=False))
    sent = patched(of, body(tools=TOOLS, tool_choice="auto", parallel_tool_calls=True))
    assert set(sent) == {"model", "messages"}


def test_channel_without_images_gets_none() -> None:
    of = offer(channel("a", images=False))
    parts = [{"type": "text", "text": "what is this?"}, IMAGE]
    sent = patched(of, body(messages=[{"role": "user", "content": parts}]))
    assert sent["messages"][0]["content"] == parts[:1]


def shouting(sent: Body, model: str, alias: str, losses: Losses) -> Body:
    """Say who was asked for, as a quirk that can be seen."""
    return sent | {"seen": f"{model} for {alias}"}


def test_quirks_come_before_overrides_which_win() -> None:
    of = offer("a", "gpt-up", alias="gpt", quirks=(shouting,))
    assert patched(of, body())["seen"] == "gpt-up for gpt"
    forced = offer("a", quirks=(shouting,), overrides=(Override(values={"seen": "no"}),))
    assert patched(forced, body())["seen"] == "no"


def test_quirks_are_for_openais_wire_alone() -> None:
    of = offer("a", quirks=(shouting,))
    assert "seen" not in msgspec.json.decode(translated(of, body()).data)


def test_overrides_change_translated_bodies_too() -> None:
    change = Override(values={"metadata": {"user_id": "u"}}, removals=(Removal(path=("top_p",)),))
    sent = msgspec.json.decode(translated(offer("a", overrides=(change,)), body(top_p=0.5)).data)
    assert sent["metadata"] == {"user_id": "u"}
    assert "top_p" not in sent


def test_retries_see_the_callers_body_and_not_the_last_channels() -> None:
    asked = call(body(tools=TOOLS, user="u"))
    spoiled = offer(
        channel("a", tools=False), overrides=(Override(removals=(Removal(path=("user",)),)),)
    )
    first = same_dialect_body(asked, spoiled, "openai_chat", False, REPORT)
    second = same_dialect_body(asked, offer("b"), "openai_chat", False, REPORT)
    assert set(msgspec.json.decode(first.data)) == {"model", "messages"}
    assert msgspec.json.decode(second.data) == body(tools=TOOLS, user="u")


def test_losses_are_named() -> None:
    assert [loss.field for loss in translated(offer("a"), body(seed=7)).losses] == ["seed"]
    assert translated(offer("a"), body()).losses == ()


def test_losses_may_be_refused() -> None:
    with pytest.raises(RelayError, match="channel a cannot carry: seed") as refused:
        translated(offer("a"), body(seed=7), LossPolicy.REFUSE)
    failure = refused.value.failure
    assert (failure.kind, failure.http_status) == (FailureKind.LOSS_REFUSED, 400)
    assert failure.param == "seed"


def passed(of: Offer, sent: dict[str, Any], policy: LossPolicy = LossPolicy.REPORT) -> UpstreamBody:
    """The body for an upstream of the caller's own dialect."""
    return same_dialect_body(call(sent), of, "openai_chat", False, policy)


PICTURED = [{"role": "user", "content": [{"type": "text", "text": "see"}, IMAGE]}]
BARE = offer(channel("a", tools=False, images=False), quirks=(without_temperature,))


@pytest.mark.parametrize(
    ("fields", "lost", "translated_lost"),
    [
        ({}, [], []),
        ({"tools": TOOLS, "tool_choice": "auto"}, ["tools", "tool_choice"], None),
        ({"messages": PICTURED}, ["messages[0].content[1]"], ["images"]),
        ({"temperature": 0.5}, ["temperature"], []),  # a quirk of OpenAI's wire
    ],
)
def test_what_a_channel_leaves_out_is_named_and_may_be_refused(
    fields: dict[str, Any], lost: list[str], translated_lost: list[str] | None
) -> None:
    assert [loss.field for loss in passed(BARE, body(**fields)).losses] == lost
    named = [loss.field for loss in translated(BARE, body(**fields)).losses]
    assert named == (lost if translated_lost is None else translated_lost)
    for ask, names in ((passed, lost), (translated, named)):
        if not names:
            assert ask(BARE, body(**fields), LossPolicy.REFUSE).losses == ()
            continue
        with pytest.raises(RelayError, match="channel a cannot carry") as refused:
            ask(BARE, body(**fields), LossPolicy.REFUSE)
        assert refused.value.failure.param == names[0]


def test_what_the_operator_overrides_is_no_loss() -> None:
    forced = Override(values={"temperature": 0.1}, removals=(Removal(path=("user",)),))
    of = offer("a", overrides=(forced,))
    assert passed(of, body(user="u", temperature=1), LossPolicy.REFUSE).losses == ()


def test_openais_own_quirk_leaves_what_it_takes_byte_for_byte() -> None:
    of = offer("a", "gpt-up", quirks=(without_strangers,))
    assert passed_bytes(of) == ODD.replace(b'"gpt"', b'"gpt-up"')
    thoughts = [{"role": "assistant", "content": "a", "reasoning_content": "hm"}]
    found = passed(of, body(messages=thoughts, top_k=4))
    assert [loss.field for loss in found.losses] == ["top_k", "messages[0].reasoning_content"]
    assert b"hm" not in found.data


def passed_bytes(of: Offer) -> bytes:
    return same_dialect_body(call(ODD), of, "openai_chat", False, REPORT).data


def test_nothing_lost_is_never_refused() -> None:
    assert translated(offer("a"), body(), LossPolicy.REFUSE).losses == ()


def test_request_is_decoded_once_for_all_attempts() -> None:
    translation = Translation(call())
    assert translation.request is translation.request


def test_what_cannot_be_read_is_the_callers_mistake() -> None:
    with pytest.raises(RelayError) as refused:
        translated(offer("a"), body(messages=[{"role": 5}]))
    assert refused.value.failure.kind is FailureKind.INVALID_REQUEST
    assert refused.value.failure.param == "messages[0].role"
