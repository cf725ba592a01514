"""Requests, both directions: `generateContent` bodies and our `ChatRequest`.

The body says neither model nor streaming: they stand in the URL, and whoever routes it fills them
in. Source: ai.google.dev/api/generate-content; `providers.md` 2.4, `uni-api.md` 4.5
"""

from __future__ import annotations

from typing import Any

import msgspec

from headgate.dialects.dialect import Fields, Target
from headgate.dialects.gemini.config import decode_config, encode_config
from headgate.dialects.gemini.contents import decode_contents, decode_system, encode_contents
from headgate.dialects.gemini.models import family_of
from headgate.dialects.gemini.tools import (
    decode_tool_config,
    decode_tools,
    encode_tool_config,
    encode_tools,
)
from headgate.dialects.gemini.unsigned import signed
from headgate.dialects.gemini.wire import NAME, fields, merged, text
from headgate.dialects.strict_json import parsed
from headgate.ir.loss import Losses
from headgate.ir.request import ChatRequest, Json
from headgate.ir.unsaid import drop_unsaid

_HARMS = (
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
)
_CIVIC_HARM = "HARM_CATEGORY_CIVIC_INTEGRITY"
# Where leftovers of a function's declaration wait in `extras`, by function name.
_DECLARATIONS = "functionDeclarations"
# What there is no word for at all.
_UNSAID = (
    *("min_p", "logit_bias", "verbosity", "user"),
    *("metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier"),
    *("store", "cache_control"),
)


def decode_request(body: bytes) -> ChatRequest:
    """Read a caller's body.

    Shape:  {"contents": [...], "systemInstruction": {...}, "tools": [...], "toolConfig": {...},
            "generationConfig": {...}, ...}, names in camel or snake case.
    Errors: RelayError INVALID_JSON, or INVALID_REQUEST with the place.
    """
    left = fields(parsed(body), "")
    known: dict[str, Any] = {"model": text(left.pop("model", ""), "model")}
    turns = decode_contents(left.pop("contents", []), "contents")
    if "systemInstruction" in left:
        turns.insert(0, decode_system(left.pop("systemInstruction"), "systemInstruction"))
    if "generationConfig" in left:
        config, rest = decode_config(left.pop("generationConfig"), "generationConfig")
        known |= config
        _keep(left, "generationConfig", rest)
    if "tools" in left:
        known["tools"], rest = decode_tools(left.pop("tools"), "tools")
        _keep(left, _DECLARATIONS, rest)
    if "toolConfig" in left:
        known["tool_choice"], rest = decode_tool_config(left.pop("toolConfig"), "toolConfig")
        _keep(left, "toolConfig", rest)
    extras = {NAME: left} if left else {}
    return ChatRequest(turns=tuple(turns), extras=extras, **known)


def _keep(left: Json, name: str, rest: Json) -> None:
    if rest:
        left[name] = rest


def encode_request(request: ChatRequest, target: Target, losses: Losses) -> Json:
    """Write a body for the upstream; the model and streaming belong into its URL.

    Errors: RelayError INVALID_REQUEST for a tool result that answers no call.
    """
    _name_losses(request, losses)
    family = family_of(target.model)
    contents, system = encode_contents(request.turns, target, losses)
    body: Json = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    tools = encode_tools(request.tools, request.tool_choice, family, losses)
    if tools:
        body["tools"] = tools
    declares = any("functionDeclarations" in tool for tool in tools)
    if choice := encode_tool_config(request.tool_choice, declares):
        body["toolConfig"] = choice
    body["safetySettings"] = _nothing_blocked(family.safety_off)
    if config := encode_config(request, target, losses):
        body["generationConfig"] = config
    return _with_extras(body, request.extras.get(NAME, {}), losses)


def _nothing_blocked(threshold: str) -> list[Json]:
    """Write what uni-api writes where the caller did not say: the models' own judgement counts."""
    settings = [{"category": harm, "threshold": threshold} for harm in _HARMS]
    return [*settings, {"category": _CIVIC_HARM, "threshold": "BLOCK_NONE"}]


def _with_extras(body: Json, extras: Json, losses: Losses) -> Json:
    """Lay the fields that only Gemini knows over the body."""
    more = dict(extras)
    declarations = dict(more.pop(_DECLARATIONS, {}))
    for entry in body.get("tools", []):
        for function in entry.get("functionDeclarations", []):
            function.update(declarations.pop(function["name"], {}))
    for name in declarations:
        losses.dropped(f"{_DECLARATIONS}.{name}", "the function is not offered")
    return merged(body, more)


def _name_losses(request: ChatRequest, losses: Losses) -> None:
    """Name every field that has no word at Gemini."""
    drop_unsaid(request, _UNSAID, losses)
    if request.service_tier is not None:  # whichever: it has tiers of its own
        losses.dropped("service_tier")
    if request.parallel_tool_calls is False:
        losses.dropped("parallel_tool_calls")
    for dialect, extras in request.extras.items():
        if dialect != NAME:
            for name in extras:
                losses.dropped(name, f"a field of {dialect}")


def patch_request(body: Fields, target: Target) -> Fields:
    """Leave the body as it is: the model stands in the URL, and usage comes unasked.

    But calls that another vendor made are signed, where the model wants that.
    """
    if "model" in body:
        body = body | {"model": msgspec.Raw(msgspec.json.encode(target.model))}
    contents = body.get("contents")
    if contents is not None and family_of(target.model).wants_signatures:
        return body | {"contents": signed(contents)}
    return body
