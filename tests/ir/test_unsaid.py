from __future__ import annotations

import msgspec
import pytest

from headgate.ir.loss import Losses
from headgate.ir.request import CacheMark, ChatRequest, Json
from headgate.ir.unsaid import drop_unsaid


def named(name: str, options: Json) -> list[str]:
    """The losses that are named when a wire has no word for an option."""
    losses = Losses("some wire")
    drop_unsaid(ChatRequest(model="m", turns=(), **options), [name], losses)
    return [loss.field for loss in losses]


@pytest.mark.parametrize(
    "options",
    [
        *({"n": 2}, {"seed": 0}, {"top_k": 0}, {"min_p": 0.1}, {"presence_penalty": -1}),
        *({"logit_bias": {"1": 2}}, {"logprobs": True}, {"modalities": ("text", "audio")}),
        *({"service_tier": "flex"}, {"store": True}, {"user": "u"}, {"metadata": {"a": "b"}}),
        *({"stop": ("a",)}, {"verbosity": "low"}),
    ],
)
def test_what_was_asked_for_is_named(options: Json) -> None:
    (name,) = options
    assert named(name, options) == [name]


@pytest.mark.parametrize(
    "options",
    [
        *({"n": 1}, {"seed": None}, {"min_p": 0}, {"presence_penalty": 0.0}, {"logit_bias": {}}),
        *({"logprobs": False}, {"top_logprobs": 0}, {"modalities": ("text",)}, {"modalities": ()}),
        *({"service_tier": "auto"}, {"service_tier": "default"}, {"store": False}, {"user": ""}),
        *({"metadata": {}}, {"stop": ()}),
    ],
)
def test_a_value_that_changes_nothing_is_no_loss(options: Json) -> None:
    (name,) = options
    assert named(name, options) == []


def test_the_mark_for_the_whole_request_is_called_as_callers_call_it() -> None:
    assert named("cache_control", {"cache": CacheMark()}) == ["cache_control"]
    assert named("cache_control", {}) == []


def test_every_name_is_a_field() -> None:
    fields = {field.name for field in msgspec.structs.fields(ChatRequest)}
    assert {"n", "min_p", "logprobs", "modalities", "service_tier", "store"} <= fields
