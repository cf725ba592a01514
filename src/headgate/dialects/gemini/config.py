"""Sampling, limits and the form of the answer: `generationConfig`, both directions.

Source: ai.google.dev/api/generate-content#generationconfig; `uni-api.md` 1.11, 4.5
"""

from __future__ import annotations

from typing import Any

from headgate.dialects.answer_forms import described_schema
from headgate.dialects.dialect import Target
from headgate.dialects.gemini.models import OUTPUT_65535, family_of
from headgate.dialects.gemini.schema import as_json_schema, from_subset, to_subset
from headgate.dialects.gemini.thinking import decode_thinking, encode_thinking
from headgate.dialects.gemini.wire import (
    all_camel,
    elements,
    fields,
    flag,
    number,
    text,
    texts,
    whole,
)
from headgate.dialects.strict_json import invalid
from headgate.ir.loss import Losses
from headgate.ir.request import AudioOutput, ChatRequest, Json, ResponseFormat, Tool

_MAX_STOPS = 5
_MAX_TEMPERATURE = 2.0
_INT32 = range(-(2**31), 2**31)
_VOICE = "Kore"
# Voices of other vendors, which callers send without thinking of Gemini.
_FOREIGN_VOICES = "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse"
_MODALITIES = ("", "text", "image", "audio")  # Modality as numbers
_JSON = "application/json"


# ------------------------------------------------------------------ caller -> IR

_NUMBERS = {
    "temperature": "temperature",
    "topP": "top_p",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
}
_WHOLES = {
    "maxOutputTokens": "max_tokens",
    "topK": "top_k",
    "seed": "seed",
    "candidateCount": "n",
    "logprobs": "top_logprobs",
}


def decode_config(value: object, place: str) -> tuple[dict[str, Any], Json]:
    """Read `generationConfig`.

    Gives fields of `ChatRequest` by name, and the fields that only Gemini knows.
    """
    config = fields(value, place)
    known: dict[str, Any] = {}
    for name, ours in _NUMBERS.items():
        if name in config:
            known[ours] = number(config.pop(name), f"{place}.{name}")
    for name, ours in _WHOLES.items():
        if name in config:
            known[ours] = whole(config.pop(name), f"{place}.{name}")
    if "stopSequences" in config:
        known["stop"] = texts(config.pop("stopSequences"), f"{place}.stopSequences")
    if "responseLogprobs" in config:
        known["logprobs"] = flag(config.pop("responseLogprobs"), f"{place}.responseLogprobs")
    if "responseModalities" in config:
        at = f"{place}.responseModalities"
        modalities = elements(config.pop("responseModalities"), at)
        known["modalities"] = tuple(_modality(word, where) for word, where in modalities)
    if "thinkingConfig" in config:
        at = f"{place}.thinkingConfig"
        known["reasoning"], rest = decode_thinking(config.pop("thinkingConfig"), at)
        if rest:
            config["thinkingConfig"] = rest
    known["response_format"] = _response_format(config, place)
    known["audio"] = _audio(config)
    return known, config


def _modality(value: object, place: str) -> str:
    if isinstance(value, int) and 0 <= value < len(_MODALITIES):
        return _MODALITIES[value]
    return text(value, place).lower()


def _response_format(config: Json, place: str) -> ResponseFormat | None:
    """Read the form of the answer. Other media types than text and JSON stay Gemini's."""
    kind = text(config.get("responseMimeType", ""), f"{place}.responseMimeType")
    if kind == "text/plain":
        del config["responseMimeType"]
        return ResponseFormat(kind="text")
    if kind != _JSON:
        return None
    del config["responseMimeType"]
    if "responseJsonSchema" in config:  # a schema of the subset beside it stays Gemini's
        schema = config.pop("responseJsonSchema")
    else:
        schema = from_subset(config.pop("responseSchema", None))
    if schema is None:
        return ResponseFormat(kind="json")
    if not isinstance(schema, dict):
        raise invalid("Expected an object", f"{place}.responseSchema")
    return ResponseFormat(kind="json_schema", schema=schema)


def _audio(config: Json) -> AudioOutput | None:
    """Read a plain choice of voice; other settings of speech stay Gemini's."""
    speech = all_camel(config.get("speechConfig"))
    match speech:
        case {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": str(voice)}}} if (
            speech == _speech(voice)
        ):
            del config["speechConfig"]
            return AudioOutput(voice=voice, format="")
    return None


def _speech(voice: str) -> Json:
    return {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}


# ------------------------------------------------------------------ IR -> upstream


def encode_config(request: ChatRequest, target: Target, losses: Losses) -> Json:
    """Write `generationConfig`."""
    config: Json = {}
    _sampling(request, target, config, losses)
    _answer_form(request, target, config, losses)
    _modalities(request, target, config, losses)
    if thinking := encode_thinking(request.reasoning, target, losses):
        config["thinkingConfig"] = thinking
    return config


def _sampling(request: ChatRequest, target: Target, config: Json, losses: Losses) -> None:
    if (limit := _max_tokens(request.max_tokens, target, losses)) is not None:
        config["maxOutputTokens"] = limit
    if request.temperature is not None:
        config["temperature"] = min(request.temperature, _MAX_TEMPERATURE)
        if request.temperature > _MAX_TEMPERATURE:
            losses.changed("temperature", f"{_MAX_TEMPERATURE}")
    for name, value in (("topP", request.top_p), ("topK", request.top_k)):
        if value is not None:
            config[name] = value
    # A penalty of 0 is none, and many models refuse the very word.
    if request.presence_penalty:
        config["presencePenalty"] = request.presence_penalty
    if request.frequency_penalty:
        config["frequencyPenalty"] = request.frequency_penalty
    if request.seed is not None:
        if request.seed in _INT32:
            config["seed"] = request.seed
        else:
            losses.dropped("seed", "beyond 32 bits")
    if stops := [stop for stop in request.stop if stop]:
        config["stopSequences"] = stops[:_MAX_STOPS]
        if len(stops) > _MAX_STOPS:
            losses.changed("stop", f"the first {_MAX_STOPS}")
    if request.n is not None:
        config["candidateCount"] = request.n
    if request.logprobs is not None:
        config["responseLogprobs"] = request.logprobs
    if request.top_logprobs is not None:
        config["logprobs"] = request.top_logprobs


def _max_tokens(asked: int | None, target: Target, losses: Losses) -> int | None:
    family = family_of(target.model)
    cap = family.output_cap
    if OUTPUT_65535 in target.traits:
        cap = min(cap, 65_535)
    if asked is None:
        return None if family.output_default is None else min(family.output_default, cap)
    if asked > cap:
        losses.changed("max_tokens", f"{cap}")
    return min(asked, cap)


def _answer_form(request: ChatRequest, target: Target, config: Json, losses: Losses) -> None:
    form = request.response_format
    if form is None:
        return
    if form.kind == "text":
        config["responseMimeType"] = "text/plain"
        return
    family = family_of(target.model)
    calls = any(isinstance(tool, Tool) for tool in request.tools)
    if not family.takes_json_mode or (calls and not family.takes_json_mode_with_tools):
        reason = "no JSON mode with function tools" if family.takes_json_mode else "no JSON mode"
        losses.dropped("response_format", f"{target.model} has {reason}")
        return
    config["responseMimeType"] = _JSON
    schema = described_schema(form, losses)
    if schema is None:
        return
    cleaned = to_subset(schema)
    if cleaned.lost and family.takes_json_schema:
        config["responseJsonSchema"] = as_json_schema(schema)
        return
    if cleaned.lost:
        losses.changed("response_format.json_schema.schema", ", ".join(cleaned.lost))
    config["responseSchema"] = cleaned.schema


def _modalities(request: ChatRequest, target: Target, config: Json, losses: Losses) -> None:
    """Write what the answer is made of; models for images and speech must be told (uni-api)."""
    family = family_of(target.model)
    wanted = request.modalities
    if family.answers_in and (not wanted or wanted == ("text",)):
        wanted = family.answers_in
    if wanted:
        config["responseModalities"] = [modality.upper() for modality in wanted]
    if "image" in family.answers_in:
        config.setdefault("temperature", 1)
    if "audio" in wanted:
        voice = request.audio.voice if request.audio is not None else ""
        if voice.lower() in _FOREIGN_VOICES.split():
            losses.changed("audio.voice", _VOICE)
            voice = ""
        config["speechConfig"] = _speech(voice or _VOICE)
    elif request.audio is not None:
        losses.dropped("audio", "the answer is not asked to be spoken")
    if request.audio is not None and request.audio.format:
        losses.dropped("audio.format", "Gemini answers in its own")
