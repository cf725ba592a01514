"""What each family of models on Bedrock accepts, by patterns of names; only this file knows names.

A pattern is looked for anywhere in the name, so profiles (`us.`, `global.`) and ARNs need no rows
of their own. What is not known here is asked for in the plain form that every model takes; only
proofs are given to it as to Claude, which it may be: an application's profile hides its model.

Source: docs.aws.amazon.com/bedrock/latest/userguide (conversation-inference-supported-models-
features, prompt-caching, structured-output, model-parameters-*); docs.aws.amazon.com/nova
(extended thinking); for Claude also platform.claude.com/docs (models, effort, extended-thinking).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import msgspec

from headgate.ir.request import Effort

# "budget", "adaptive", "always": Claude, by generation, as `thinking.type` (the last cannot be
# switched off). "nova": `reasoningConfig`. "effort", "config": a word in `reasoning_effort` or in
# `reasoning_config`.
ThinkingMode = Literal["none", "budget", "adaptive", "always", "nova", "effort", "config"]
# "one": temperature or top_p, not both; "none": any value but the default is refused.
Sampling = Literal["free", "one", "none"]


class ModelRules(msgspec.Struct, frozen=True, kw_only=True):
    """What may be asked of a model.

    `top_k` is the path of that parameter below `additionalModelRequestFields`, "" if there is none.
    """

    claude: bool = False
    claudes_proofs: bool = False  # reasoning signed by Claude, wherever it was
    thinking: ThinkingMode = "none"
    budget_allowed: bool = True  # may thinking.type still be "enabled"?
    disabled_allowed: bool = True  # may it be "disabled"? If not, leaving it out means off
    sampling: Sampling = "free"
    efforts: tuple[Effort, ...] = ()
    structured: bool = False  # outputConfig.textFormat and strict tools
    cache: bool = False  # cachePoint in messages and system
    cache_tools: bool = False
    tool_status: bool = False  # toolResult.status
    top_k: tuple[str, ...] = ()
    system: bool = True


_UNKNOWN = ModelRules(claudes_proofs=True)  # may be a profile of Claude
_PLAIN = ModelRules()
_STRUCTURED = ModelRules(structured=True)
_NO_SYSTEM = ModelRules(system=False)
_NOVA = ModelRules(cache=True, tool_status=True, top_k=("inferenceConfig", "topK"))
_NOVA_2 = msgspec.structs.replace(_NOVA, thinking="nova", efforts=("low", "medium", "high"))
_MISTRAL = ModelRules(structured=True, top_k=("top_k",))

_OLD = ModelRules(claude=True, claudes_proofs=True, tool_status=True, top_k=("top_k",))
_3_5 = msgspec.structs.replace(_OLD, cache=True, cache_tools=True)
_4 = msgspec.structs.replace(_3_5, thinking="budget")
_4_1 = msgspec.structs.replace(_4, sampling="one")
_4_5 = msgspec.structs.replace(_4_1, structured=True)
_4_6 = msgspec.structs.replace(_4_5, thinking="adaptive", efforts=("low", "medium", "high", "max"))
_4_7 = msgspec.structs.replace(
    _4_6,
    budget_allowed=False,
    disabled_allowed=False,
    sampling="none",
    efforts=("low", "medium", "high", "xhigh", "max"),
)
_5 = msgspec.structs.replace(_4_7, disabled_allowed=True)

# A version's second number has one or two digits; what is longer is a release date.
_TABLE: tuple[tuple[re.Pattern[str], ModelRules], ...] = tuple(
    (re.compile(pattern), rules)
    for pattern, rules in (
        (r"claude-3[-.]7-sonnet", _4),
        (r"claude-3[-.]5-haiku", _3_5),
        (r"claude-(instant|v\d|[123](?!\d))", _OLD),
        (r"claude-opus-4[-.][78](?!\d)", _4_7),
        (r"claude-(opus|sonnet)-4[-.]6(?!\d)", _4_6),
        (
            r"claude-opus-4[-.]5(?!\d)",
            msgspec.structs.replace(_4_5, efforts=("low", "medium", "high")),
        ),
        (r"claude-(sonnet|haiku)-4[-.]5(?!\d)", _4_5),
        (r"claude-opus-4[-.]1(?!\d)", _4_1),
        (r"claude-(opus|sonnet)-4", _4),
        (r"claude-(fable|mythos)", msgspec.structs.replace(_5, thinking="always")),
        (r"claude-[a-z]+-\d", _5),
        (r"claude", _OLD),
        (r"nova-2", _NOVA_2),
        (r"nova-", _NOVA),
        (
            r"gpt-oss",
            ModelRules(thinking="effort", efforts=("low", "medium", "high"), structured=True),
        ),
        (r"qwen3", ModelRules(thinking="config", efforts=("low", "high"), structured=True)),
        (r"titan-text|mistral-7b|mixtral-8x7b|\bj2-|command-(light-)?text|llama2", _NO_SYSTEM),
        (r"mistral|ministral|magistral|voxtral", _MISTRAL),
        (r"cohere\.command", ModelRules(top_k=("k",))),
        (r"deepseek\.v3|gemma-3|nemotron|minimax|kimi", _STRUCTURED),
        (r"llama|deepseek|gemma|qwen|gpt-|jamba|palmyra|command", _PLAIN),
    )
)


@lru_cache(maxsize=1024)
def rules_of(model: str, alias: str = "") -> ModelRules:
    """Look up what a model accepts; if its id tells nothing (a profile's ARN), by its alias."""
    for name in (model.lower(), alias.lower()):
        for pattern, rules in _TABLE:
            if pattern.search(name):
                return rules
    return _UNKNOWN
