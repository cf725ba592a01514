"""Requests of the Converse API, written from the IR.

The model, and whether to stream, are in the URL and not in the body. What only Converse knows
(guardrails and the like) callers may say in any dialect under its own top-level name, as LiteLLM's
users do.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html;
`providers.md` 4.1.
"""

from __future__ import annotations

import re
from typing import Any

from headgate.dialects.answer_forms import described_schema, in_words
from headgate.dialects.bedrock_converse.blocks import BlockWriter
from headgate.dialects.bedrock_converse.messages import arrange, mark_end
from headgate.dialects.bedrock_converse.models import ModelRules, rules_of
from headgate.dialects.bedrock_converse.thinking import Thoughts, encode_reasoning, limit_with
from headgate.dialects.bedrock_converse.tools import encode_tool_config, is_forced, unforced
from headgate.dialects.claude_thinking import Limits, suffix_reasoning
from headgate.dialects.dialect import Target
from headgate.dialects.lenient_json import compact
from headgate.dialects.strict_schema import answer_schema
from headgate.ir.custom_tools import as_functions
from headgate.ir.loss import Losses
from headgate.ir.request import ChatRequest, Json, ResponseFormat
from headgate.ir.unsaid import drop_unsaid

# Fields of the API itself that a caller's request may carry as they are.
_OWN_FIELDS = frozenset(
    [
        *("guardrailConfig", "performanceConfig", "requestMetadata", "promptVariables"),
        *("additionalModelRequestFields", "additionalModelResponseFieldPaths", "serviceTier"),
    ]
)
_TIERS = frozenset(["default", "flex", "priority", "reserved"])
_METADATA_KEY = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,\-.]{1,256}")
_METADATA_VALUE = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,\-.]{0,256}")
_MOST_METADATA = 16
_THINKING_TOP_P = 0.95  # the least top_p that goes with Claude's thinking
# What there is no word for at all.
_UNSAID = (
    *("n", "seed", "min_p", "presence_penalty"),
    *("frequency_penalty", "logit_bias", "logprobs", "top_logprobs"),
    *("verbosity", "modalities", "audio", "user"),
    *("prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store"),
)


def encode_request(request: ChatRequest, target: Target, losses: Losses) -> Json:
    """Write a Converse request.

    Errors: RelayError INVALID_REQUEST for what cannot be said at all: a tool result that answers
    no call, a tool name that the API refuses.
    """
    request = as_functions(request, losses)
    rules = rules_of(target.model, target.alias)
    writer = BlockWriter(rules, losses)
    arranged = arrange(request.turns, rules, writer, losses)
    config = encode_tool_config(request, arranged.tool_names, rules, writer, losses)
    reasoning = (suffix_reasoning(target.alias) if rules.claude else None) or request.reasoning
    thoughts = encode_reasoning(
        reasoning,
        rules,
        Limits(
            max_tokens=request.max_tokens,
            forced_tool=is_forced(config),
            unsigned_tool_turn=arranged.unsigned_tool_turn,
            with_budget=limit_with,
        ),
        losses,
    )
    if rules.claude and (thoughts.on or rules.thinking == "always"):
        config = unforced(config, losses)
    output, words = _encode_output(request.response_format, thoughts, rules, losses)
    system = arranged.system + words if rules.system else []
    if words and not rules.system:
        arranged.messages[0]["content"][:0] = words
    if request.cache is not None:
        _mark_end(request, arranged.messages, system, writer, losses)
    inference, fields = _encode_sampling(request, rules, thoughts, losses)
    parts: Json = {
        "system": system,
        "inferenceConfig": inference,
        "toolConfig": config,
        "additionalModelRequestFields": fields,
        "additionalModelResponseFieldPaths": _answer_paths(inference, rules, target),
        "outputConfig": output,
        "requestMetadata": _encode_metadata(request, losses),
        "serviceTier": _encode_tier(request.service_tier, losses),
    }
    body: Json = {"messages": arranged.messages}
    body |= {name: value for name, value in parts.items() if value}
    _add_own_fields(body, request, losses)
    drop_unsaid(request, _UNSAID, losses)
    return body


def _mark_end(
    request: ChatRequest,
    messages: list[Json],
    system: list[Json],
    writer: BlockWriter,
    losses: Losses,
) -> None:
    if request.cache is not None and not mark_end(messages, system, request.cache, writer):
        losses.dropped("cache_control", "there are marks enough already")


def _encode_sampling(
    request: ChatRequest, rules: ModelRules, thoughts: Thoughts, losses: Losses
) -> tuple[Json, Json]:
    """Write `inferenceConfig`, and the fields beside it that the model's own API has."""
    refusal = _refusal(rules, thoughts)
    found: Json = {}
    if thoughts.bare:
        _name_bare(request, refusal, losses)
    else:
        if thoughts.max_tokens is not None:
            found["maxTokens"] = thoughts.max_tokens
        found |= _temperature(request, refusal, losses)
        found |= _top_p(request, rules, thoughts, refusal, "temperature" in found, losses)
    if stop := _stop(request, rules, losses):
        found["stopSequences"] = stop
    return found, thoughts.fields | _top_k(request, rules, refusal, losses)


def _refusal(rules: ModelRules, thoughts: Thoughts) -> str:
    """Say why sampling parameters are not taken; "" if they are."""
    if rules.sampling == "none":
        return "this model takes no sampling parameters"
    if thoughts.bare:
        return "excluded by high effort"
    return "excluded by thinking" if thoughts.on else ""


def _name_bare(request: ChatRequest, refusal: str, losses: Losses) -> None:
    for name in ("max_tokens", "temperature", "top_p"):
        if getattr(request, name) is not None:
            losses.dropped(name, refusal)


def _temperature(request: ChatRequest, refusal: str, losses: Losses) -> Json:
    value = request.temperature
    if value is not None and value > 1:
        losses.changed("temperature", "1, the greatest that is taken")
        value = 1
    return _sent("temperature", "temperature", value, refusal, losses)


def _top_p(
    request: ChatRequest,
    rules: ModelRules,
    thoughts: Thoughts,
    refusal: str,
    has_temperature: bool,
    losses: Losses,
) -> Json:
    if thoughts.on and rules.sampling != "none" and (request.top_p or 0) >= _THINKING_TOP_P:
        refusal = ""
    if rules.sampling == "one" and has_temperature:
        refusal = refusal or "this model takes temperature or top_p, not both"
    return _sent("top_p", "topP", request.top_p, refusal, losses)


def _sent(word: str, name: str, value: float | None, refusal: str, losses: Losses) -> Json:
    """Write a value unless there is a reason against it; 1, the default, is then no loss."""
    if value is None or not refusal:
        return {} if value is None else {name: value}
    if value != 1:
        losses.dropped(word, refusal)
    return {}


def _top_k(request: ChatRequest, rules: ModelRules, refusal: str, losses: Losses) -> Json:
    if request.top_k is None:
        return {}
    if not rules.top_k or refusal:
        losses.dropped("top_k", refusal or "this model has none")
        return {}
    value: Any = request.top_k
    for name in reversed(rules.top_k):
        value = {name: value}
    found: Json = value
    return found


def _stop(request: ChatRequest, rules: ModelRules, losses: Losses) -> list[str]:
    stop = [text for text in request.stop if (text.strip() if rules.claude else text)]
    if len(stop) < len(request.stop):
        losses.dropped("stop", "stop sequences of blanks only are refused")
    return stop


def _answer_paths(inference: Json, rules: ModelRules, target: Target) -> list[str]:
    """Ask which of the stop sequences it was; of Claude alone is the place known."""
    if not rules.claude or "stopSequences" not in inference:
        return []
    return ["/delta/stop_sequence" if target.stream else "/stop_sequence"]


def _encode_output(
    asked: ResponseFormat | None, thoughts: Thoughts, rules: ModelRules, losses: Losses
) -> tuple[Json, list[Json]]:
    """Write the answer's form: as `outputConfig`, or as words for the system prompt."""
    output: Json = {} if thoughts.effort is None else {"effort": thoughts.effort}
    if asked is None or asked.kind == "text":
        return output, []
    if not asked.schema or not rules.structured:
        losses.changed("response_format", "asked for in the system prompt")
        return output, [{"text": in_words(described_schema(asked, losses))}]
    form: Json = {"schema": compact(answer_schema(asked.schema, losses))}
    if asked.name:
        form["name"] = asked.name
    if asked.description:
        form["description"] = asked.description
    return output | {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": form}}}, []


def _encode_metadata(request: ChatRequest, losses: Losses) -> Json:
    kept: Json = {}
    for key, value in (request.metadata or {}).items():
        fits = _METADATA_KEY.fullmatch(key) and _METADATA_VALUE.fullmatch(value)
        if fits and len(kept) < _MOST_METADATA:
            kept[key] = value
        else:
            losses.dropped(f"metadata.{key}", "of letters or a length that are refused")
    return kept


def _encode_tier(tier: str | None, losses: Losses) -> Json:
    if tier in _TIERS:
        return {"type": tier}
    if tier not in (None, "auto"):  # who says nothing gets what "auto" means
        losses.dropped("service_tier", f"no tier {tier} here")
    return {}


def _add_own_fields(body: Json, request: ChatRequest, losses: Losses) -> None:
    """Add what the caller said in Converse's own words, beneath what was translated."""
    for fields in request.extras.values():
        for name, value in fields.items():
            if name not in _OWN_FIELDS:
                losses.dropped(name)
            elif isinstance(value, dict) and isinstance(body.get(name), dict):
                for key in value.keys() & body[name].keys():
                    losses.dropped(f"{name}.{key}", "said in two ways")
                body[name] = {**value, **body[name]}
            elif name in body:
                losses.dropped(name)
            else:
                body[name] = value
