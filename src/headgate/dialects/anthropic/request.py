"""Requests of the Messages API: a caller's to the IR, the IR's to an upstream.

Source: platform.claude.com/docs/en/api/messages and /api/versioning; `providers.md` 2.3;
`ecosystem.md` 0.1 and 4.1; `uni-api.md` 1.11 and 4.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from headgate.dialects.answer_forms import described_schema, in_words
from headgate.dialects.anthropic.blocks import decode_block, decode_cache, encode_cache
from headgate.dialects.anthropic.messages import arrange, shortened
from headgate.dialects.anthropic.models import NAME, ModelRules, rules_of
from headgate.dialects.anthropic.sampling import encode_sampling
from headgate.dialects.anthropic.tools import (
    decode_tool_choice,
    decode_tools,
    encode_tool_choice,
    encode_tools,
    unforced,
)
from headgate.dialects.claude_thinking import (
    Limits,
    Thoughts,
    encode_reasoning,
    suffix_reasoning,
)
from headgate.dialects.dialect import Fields, Target
from headgate.dialects.leftovers import Leftovers, by_place
from headgate.dialects.strict_json import Reader, invalid, joined, parsed
from headgate.dialects.strict_schema import answer_schema
from headgate.ir.efforts import EFFORTS
from headgate.ir.loss import Losses
from headgate.ir.request import (
    ChatRequest,
    Effort,
    Json,
    Opaque,
    Part,
    Reasoning,
    ResponseFormat,
    Role,
    Text,
    Turn,
)
from headgate.ir.unsaid import drop_unsaid

SAMPLING_VERSION = "2023-06-01"  # the last API version that takes sampling parameters
CURRENT_VERSION = "2026-10-21"
_SAMPLING = ("temperature", "top_p", "top_k")
# Claude Code's first system block; it changes with each request, and means something to
# Anthropic alone (`ecosystem.md` 4.1).
_BILLING_MARK = "x-anthropic-billing-header:"
_ROLES: tuple[Role, ...] = ("user", "assistant", "system")
_TIERS_READ = {"standard_only": "default"}
_TIERS_WRITTEN = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_MAIL_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LONGEST_USER = 256
# What there is no word for at all.
_UNSAID = (
    *("n", "seed", "min_p", "presence_penalty"),
    *("frequency_penalty", "logit_bias", "logprobs", "top_logprobs"),
    *("verbosity", "modalities", "audio", "metadata"),
    *("prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store"),
)


# ---------------------------------------------------------------- the caller's side


def decode_request(body: bytes) -> ChatRequest:
    """Read a Messages API request.

    Errors: RelayError INVALID_JSON, or INVALID_REQUEST with the place. Fields without a word in
    the IR go to `extras`, by path.
    """
    reader = Reader(parsed(body))
    left = Leftovers()
    turns = _system_turns(reader) + _turns(reader)
    reasoning, response_format = _decode_output(reader, left)
    choice, parallel = decode_tool_choice(reader, left)
    tier = reader.text("service_tier")
    request = ChatRequest(
        model=reader.required_text("model"),
        turns=tuple(turns),
        stream=bool(reader.flag("stream")),
        max_tokens=reader.integer("max_tokens"),
        temperature=reader.number("temperature"),
        top_p=reader.number("top_p"),
        top_k=reader.integer("top_k"),
        stop=reader.texts("stop_sequences"),
        tools=decode_tools(reader, left),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        response_format=response_format,
        reasoning=reasoning,
        user=_decode_user(reader, left),
        service_tier=None if tier is None else _TIERS_READ.get(tier, tier),
        cache=decode_cache(reader, left),
    )
    left.add("", reader.rest)
    return msgspec.structs.replace(request, extras=left.extras(NAME))


def _system_turns(reader: Reader) -> list[Turn]:
    """Take `system`: a string, or blocks."""
    if isinstance(reader.rest.get("system"), str):
        text = reader.text("system")
        return [Turn(role="system", parts=(Text(text=text),))] if text else []
    left = Leftovers("system", "content")
    parts = tuple(
        _own_if_billing(decode_block(block, f"system[{index}]", left))
        for index, block in enumerate(reader.items("system"))
    )
    return [Turn(role="system", parts=parts, extras=left.extras(NAME))] if parts else []


def _own_if_billing(part: Part) -> Part:
    if isinstance(part, Text) and part.text.startswith(_BILLING_MARK):
        return Opaque(dialect=NAME, block={"type": "text", "text": part.text})
    return part


def _turns(reader: Reader) -> list[Turn]:
    if reader.rest.get("messages") is None:
        raise invalid("Object missing required field `messages`", "")
    messages = reader.items("messages")
    return [_turn(Reader(message, f"messages[{i}]")) for i, message in enumerate(messages)]


def _turn(message: Reader) -> Turn:
    left = Leftovers(message.place)
    found = message.required_text("role")
    role = next((role for role in _ROLES if role == found), None)
    if role is None:
        raise invalid(f"Invalid enum value '{found}'", joined(message.place, "role"))
    parts: tuple[Part, ...]
    if isinstance(message.rest.get("content"), str):
        text = message.text("content")
        parts = (Text(text=text),) if text else ()
    else:
        place = joined(message.place, "content")
        blocks = message.items("content")
        parts = tuple(decode_block(b, f"{place}[{i}]", left) for i, b in enumerate(blocks))
    left.add(message.place, message.rest)
    return Turn(role=role, parts=parts, extras=left.extras(NAME))


def _decode_output(
    reader: Reader, left: Leftovers
) -> tuple[Reasoning | None, ResponseFormat | None]:
    """Take `thinking` and `output_config`, which share their meaning."""
    config = reader.reader("output_config")
    effort: Effort | None = None
    response_format = None
    if config is not None:
        asked = config.rest.get("format")
        if isinstance(asked, dict) and asked.get("type") == "json_schema":
            form = Reader(config.rest.pop("format"), joined(config.place, "format"))
            response_format = ResponseFormat(kind="json_schema", schema=form.mapping("schema"))
            form.rest.pop("type")
            left.add(form.place, form.rest)
        effort = next((known for known in EFFORTS if known == config.rest.get("effort")), None)
    reasoning = _decode_thinking(reader, left, effort)
    if config is not None:
        if effort is not None and reasoning is not None and reasoning.effort == effort:
            config.rest.pop("effort")
        left.add(config.place, config.rest)
    return reasoning, response_format


def _decode_thinking(reader: Reader, left: Leftovers, effort: Effort | None) -> Reasoning | None:
    thinking = reader.reader("thinking")
    if thinking is None:
        return None if effort is None else Reasoning(effort=effort)
    display = thinking.rest.get("display")
    visible = {"summarized": True, "omitted": False}.get(str(display))
    if visible is not None:
        thinking.rest.pop("display")
    match thinking.text("type"):
        case "enabled":
            budget = thinking.integer("budget_tokens")
            found = Reasoning(effort=effort, budget_tokens=budget, visible=visible)
        case "adaptive":
            found = Reasoning(effort=effort, adaptive=True, visible=visible)
        case "disabled":
            found = Reasoning(effort="none", visible=visible)
        case other:
            raise invalid(f"Invalid enum value '{other}'", "thinking.type")
    left.add(thinking.place, thinking.rest)
    return found


def _decode_user(reader: Reader, left: Leftovers) -> str | None:
    metadata = reader.reader("metadata")
    if metadata is None:
        return None
    user = metadata.text("user_id")
    left.add(metadata.place, metadata.rest)
    return user


# ---------------------------------------------------------------- the upstream's side


def encode_request(request: ChatRequest, target: Target, losses: Losses) -> Json:
    """Write a Messages API request.

    Errors: RelayError INVALID_REQUEST for what cannot be said at all: a tool result that answers
    no call, a tool name that the API refuses.
    """
    rules = rules_of(target.model)
    leftovers = by_place(request.extras.get(NAME, {}))
    arranged = arrange(request.turns, rules, losses)
    suffix = suffix_reasoning(target.alias, request.max_tokens or rules.max_tokens)
    tools = encode_tools(request, rules, leftovers, losses)
    choice = encode_tool_choice(request, tools, losses)
    thoughts = encode_reasoning(
        suffix or request.reasoning,
        rules,
        Limits(
            max_tokens=request.max_tokens,
            forced_tool=choice is not None and choice["type"] in ("any", "tool"),
            unsigned_tool_turn=arranged.unsigned_tool_turn,
            with_budget=rules.limit_with,
        ),
        losses,
    )
    form, instruction = _encode_format(request.response_format, rules, losses)
    system = arranged.system + instruction
    body: Json = {"model": target.model, "max_tokens": thoughts.max_tokens or rules.max_tokens}
    if system:
        body["system"] = shortened(system)
    body["messages"] = arranged.messages
    if target.stream:
        body["stream"] = True
    body |= encode_sampling(request, rules, thoughts, suffix is not None, losses)
    if stop := _encode_stop(request, losses):
        body["stop_sequences"] = stop
    if tools:
        body["tools"] = tools
    if choice is not None:
        body["tool_choice"] = unforced(choice, rules, thoughts, losses)
    body |= _encode_output(thoughts, form)
    body |= _encode_about_caller(request, losses)
    if request.cache is not None:
        body["cache_control"] = encode_cache(request.cache)
    _restore(body, leftovers, losses)
    _name_losses(request, losses)
    return body


def api_version(body: Mapping[str, Any]) -> str:
    """Choose the `anthropic-version` header for an encoded body.

    From 2026-10-21 on, sampling parameters are refused even at their default values.
    """
    return SAMPLING_VERSION if any(name in body for name in _SAMPLING) else CURRENT_VERSION


def patch_request(fields: Fields, target: Target) -> Fields:
    """Set the upstream's model name; every other byte stays as the caller sent it."""
    return fields | {"model": msgspec.Raw(msgspec.json.encode(target.model))}


def _encode_stop(request: ChatRequest, losses: Losses) -> list[str]:
    stop = [text for text in request.stop if text.strip()]
    if len(stop) < len(request.stop):
        losses.dropped("stop", "stop sequences of blanks only are refused")
    return stop


def _encode_format(
    asked: ResponseFormat | None, rules: ModelRules, losses: Losses
) -> tuple[Json | None, list[Json]]:
    """Write the answer's form: as `output_config.format`, or as words for the system prompt."""
    if asked is None or asked.kind == "text":
        return None, []
    schema = described_schema(asked, losses)
    if schema is None or not rules.structured:
        losses.changed("response_format", "asked for in the system prompt")
        return None, [{"type": "text", "text": in_words(schema)}]
    return {"type": "json_schema", "schema": answer_schema(schema, losses)}, []


def _encode_output(thoughts: Thoughts, form: Json | None) -> Json:
    found: Json = {}
    if thoughts.thinking is not None:
        found["thinking"] = thoughts.thinking
    config: Json = {}
    if thoughts.effort is not None:
        config["effort"] = thoughts.effort
    if form is not None:
        config["format"] = form
    if config:
        found["output_config"] = config
    return found


def _encode_about_caller(request: ChatRequest, losses: Losses) -> Json:
    found: Json = {}
    if request.user:
        if _MAIL_ADDRESS.search(request.user):
            losses.dropped("user", "a mail address is refused")
        elif len(request.user) > _LONGEST_USER:
            losses.dropped("user", f"longer than {_LONGEST_USER}")
        else:
            found["metadata"] = {"user_id": request.user}
    tier = request.service_tier
    if tier in _TIERS_WRITTEN:
        found["service_tier"] = _TIERS_WRITTEN[tier]
    elif tier is not None:
        losses.dropped("service_tier", f"no tier {tier} here")
    return found


def _restore(body: Json, leftovers: Mapping[str, Json], losses: Losses) -> None:
    """Put back what the caller said in this very dialect and the IR has no word for."""
    for place, fields in leftovers.items():
        if place.startswith("tools["):
            continue  # put back where the tools are written
        if not place:
            for key, value in fields.items():
                body.setdefault(key, value)
        elif place in ("metadata", "output_config") or place in body:
            written = body.get(place, {})
            for key in fields.keys() & written.keys():
                losses.dropped(joined(place, key), "what else is asked for says it otherwise")
            body[place] = {**fields, **written}
        elif place == "output_config.format" and "format" in body.get("output_config", {}):
            body["output_config"]["format"].update(fields)
        else:
            for key in fields:
                losses.dropped(joined(place, key))


def _name_losses(request: ChatRequest, losses: Losses) -> None:
    """Name what there is no word for, of options and of other dialects' fields."""
    drop_unsaid(request, _UNSAID, losses)
    for dialect, fields in request.extras.items():
        if dialect != NAME:
            for key in fields:
                losses.dropped(key)
