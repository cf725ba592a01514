"""Requests of the Responses API: a caller's to the IR, the IR's to an upstream.

Source: developers.openai.com/api/reference (create a response); `providers.md` 2.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headgate.dialects.dialect import Fields, Target
from headgate.dialects.leftovers import Leftovers, restore
from headgate.dialects.openai_responses.item_encoder import encode_turns
from headgate.dialects.openai_responses.items import read_input, read_instructions
from headgate.dialects.openai_responses.models import NAME, thinks
from headgate.dialects.openai_responses.provenance import unsealed
from headgate.dialects.openai_responses.tools import (
    Offered,
    decode_tool_choice,
    decode_tools,
    encode_tool_choice,
    encode_tools,
)
from headgate.dialects.strict_json import Reader, invalid, parsed
from headgate.ir.efforts import shared_effort
from headgate.ir.loss import Losses
from headgate.ir.request import ChatRequest, Effort, Json, Reasoning, ResponseFormat
from headgate.ir.unsaid import drop_unsaid

ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"
_EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_SUMMARY = "auto"
_FEWEST_TOKENS = 16  # fewer are refused
# With one of these a request goes on from what the upstream (or our store) remembers.
_GOES_ON = ("previous_response_id", "conversation", "prompt")
_SAME_NAME = (
    *("temperature", "top_p", "top_logprobs", "parallel_tool_calls", "user", "metadata"),
    *("service_tier", "prompt_cache_key", "prompt_cache_retention", "safety_identifier"),
)
# What this API has no field for, under the names that callers know.
# What there is no word for at all.
_UNSAID = (
    *("top_k", "min_p", "seed", "presence_penalty"),
    *("frequency_penalty", "logit_bias", "audio", "stop"),
    *("n", "modalities", "cache_control"),
)
_NOTES = {
    "n": "one answer only",
    "modalities": "text only",
    "cache_control": "no mark for the whole request",
}


# ---------------------------------------------------------------- the caller's side


def decode_request(body: bytes) -> ChatRequest:
    """Read the body of POST /v1/responses.

    Errors: RelayError INVALID_JSON, or INVALID_REQUEST with the place. Fields without a word in
    the IR go to `extras`, by path.
    """
    reader = Reader(parsed(body))
    left = Leftovers()
    offered = Offered(reader.rest.get("tools"))
    goes_on = any(reader.rest.get(key) is not None for key in _GOES_ON)
    if reader.rest.get("input") is None and not goes_on:
        raise invalid("Object missing required field `input`", "input")
    turns = [*read_instructions(reader), *read_input(reader, offered, goes_on=goes_on)]
    response_format, verbosity = _decode_text(reader, left)
    request = ChatRequest(
        model=reader.required_text("model"),
        turns=tuple(turns),
        stream=bool(reader.flag("stream")),
        max_tokens=reader.integer("max_output_tokens"),
        temperature=reader.number("temperature"),
        top_p=reader.number("top_p"),
        logprobs=_decode_include(reader, left),
        top_logprobs=reader.integer("top_logprobs"),
        tools=decode_tools(reader, offered, left),
        tool_choice=decode_tool_choice(reader, offered, left),
        parallel_tool_calls=reader.flag("parallel_tool_calls"),
        response_format=response_format,
        reasoning=_decode_reasoning(reader, left),
        verbosity=verbosity,
        user=reader.text("user"),
        metadata=_decode_metadata(reader),
        service_tier=reader.text("service_tier"),
        prompt_cache_key=reader.text("prompt_cache_key"),
        prompt_cache_retention=reader.text("prompt_cache_retention"),
        safety_identifier=reader.text("safety_identifier"),
        store=reader.flag("store"),
    )
    left.add("", reader.rest)
    return msgspec.structs.replace(request, extras=left.extras(NAME))


def _decode_include(reader: Reader, left: Leftovers) -> bool | None:
    """Take `include`: logprobs have a word of their own; encrypted reasoning is always told."""
    wishes = reader.items("include")
    others = [wish for wish in wishes if wish not in (ENCRYPTED, LOGPROBS)]
    if others:
        left.add("", {"include": others})
    return True if LOGPROBS in wishes else None


def _decode_metadata(reader: Reader) -> dict[str, str] | None:
    metadata = reader.mapping("metadata")
    for key, value in (metadata or {}).items():
        if not isinstance(value, str):
            raise invalid("Expected `str`", f"metadata.{key}")
    return metadata or None


def _decode_text(reader: Reader, left: Leftovers) -> tuple[ResponseFormat | None, str | None]:
    """Take `text`: the form of the answer, and how many words it makes."""
    text = reader.reader("text")
    if text is None:
        return None, None
    verbosity = text.text("verbosity")
    form = text.reader("format")
    found = None
    if form is not None:
        found = _decode_format(form)
        left.add(form.place, form.rest)
    left.add(text.place, text.rest)
    return found, verbosity


def _decode_format(form: Reader) -> ResponseFormat | None:
    match form.rest.get("type"):
        case "text":
            form.rest.pop("type")
            return ResponseFormat(kind="text")
        case "json_object":
            form.rest.pop("type")
            return ResponseFormat(kind="json")
        case "json_schema":
            form.rest.pop("type")
            return ResponseFormat(
                kind="json_schema",
                name=form.required_text("name"),
                description=form.text("description") or "",
                schema=form.mapping("schema") or {},
                strict=form.flag("strict"),
            )
    return None  # `{"type": "grammar"}` and whatever comes


def _decode_reasoning(reader: Reader, left: Leftovers) -> Reasoning | None:
    """Take `reasoning`. A wish for a summary is a wish to see the thoughts."""
    reasoning = reader.reader("reasoning")
    if reasoning is None:
        return None
    effort = next((known for known in _EFFORTS if known == reasoning.rest.get("effort")), None)
    if effort is not None:
        reasoning.rest.pop("effort")
    old = reasoning.text("generate_summary")
    summary = reasoning.text("summary") or old
    if summary is not None and summary != _SUMMARY:
        left.add("", {"reasoning.summary": summary})
    left.add(reasoning.place, reasoning.rest)
    if effort is None and summary is None:
        return None
    return Reasoning(effort=effort, visible=True if summary is not None else None)


# -------------------------------------------------------------- the upstream's side


def encode_request(request: ChatRequest, target: Target, losses: Losses) -> Json:
    """Write the body of a request; what it cannot carry is named in `losses`.

    Nothing is stored unless the caller wants it: then reasoning can only come back encrypted, and
    that is asked for.
    """
    can_think = thinks(target.model)
    stored = bool(request.store)
    instructions, items = encode_turns(request.turns, losses, stored=stored)
    body: Json = {"model": target.model, "input": items, "store": stored}
    if instructions is not None:
        body["instructions"] = instructions
    if target.stream:
        body["stream"] = True
    for name in _SAME_NAME:
        if (value := getattr(request, name)) is not None:
            body[name] = value
    if request.max_tokens is not None:
        body["max_output_tokens"] = _enough_tokens(request.max_tokens, losses)
    if tools := encode_tools(request.tools, losses):
        body["tools"] = tools
    if request.tool_choice is not None:
        body["tool_choice"] = encode_tool_choice(request.tool_choice, request.tools)
    if text := _encode_text(request):
        body["text"] = text
    if request.reasoning is not None:
        _write_reasoning(request.reasoning, body, can_think=can_think, losses=losses)
    drop_unsaid(request, _UNSAID, losses, _NOTES)
    extras = _without_include(request.extras)
    if include := _include(request, can_think=can_think):
        body["include"] = include
    restore(body, extras, NAME, losses)
    return body


def _enough_tokens(asked: int, losses: Losses) -> int:
    if asked >= _FEWEST_TOKENS:
        return asked
    losses.changed("max_tokens", f"{_FEWEST_TOKENS}, the fewest that are allowed")
    return _FEWEST_TOKENS


def _include(request: ChatRequest, *, can_think: bool) -> list[Any]:
    wishes: list[Any] = [ENCRYPTED] if can_think else []
    if request.logprobs:
        wishes.append(LOGPROBS)
    kept = request.extras.get(NAME, {}).get("include")
    return wishes + (kept if isinstance(kept, list) else [])


def _without_include(extras: Mapping[str, Json]) -> dict[str, Json]:
    own = {path: value for path, value in extras.get(NAME, {}).items() if path != "include"}
    return {**extras, NAME: own}


def _encode_text(request: ChatRequest) -> Json:
    text: Json = {}
    asked = request.response_format
    if asked is not None:
        text["format"] = _encode_format(asked)
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    return text


def _encode_format(asked: ResponseFormat) -> Json:
    if asked.kind == "text":
        return {"type": "text"}
    if asked.kind == "json":
        return {"type": "json_object"}
    form: Json = {"type": "json_schema", "name": asked.name or "answer"}
    if asked.description:
        form["description"] = asked.description
    form["schema"] = asked.schema or {}
    if asked.strict is not None:
        form["strict"] = asked.strict
    return form


def _write_reasoning(reasoning: Reasoning, body: Json, *, can_think: bool, losses: Losses) -> None:
    """Write `reasoning`. Adaptive is what models here do anyway."""
    effort, budget = reasoning.effort, reasoning.budget_tokens
    if not can_think:
        if (effort is not None and effort != "none") or budget:
            field = "reasoning_effort" if effort is not None else "thinking.budget_tokens"
            losses.dropped(field, f"{body['model']} does not think")
        return
    if effort is None and budget is not None:
        effort = shared_effort(budget)
        losses.changed("thinking.budget_tokens", f"as effort {effort}")
    elif budget:
        losses.dropped("thinking.budget_tokens", "the effort is said")
    wire: Json = {} if effort is None else {"effort": effort}
    if reasoning.visible:
        wire["summary"] = _SUMMARY
    if wire:
        body["reasoning"] = wire


# ------------------------------------------------------------------------ pass-through


def patch_request(fields: Fields, target: Target) -> Fields:
    """Set the model, and take our envelopes out; every other byte stays as it was sent."""
    patched = dict(fields)
    patched["model"] = msgspec.Raw(msgspec.json.encode(target.model))
    if (sent := fields.get("input")) is not None:
        patched["input"] = unsealed(sent)
    return patched
