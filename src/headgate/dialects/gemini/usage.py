"""Token counts: between `usageMetadata` and our disjoint counts.

Source: ai.google.dev/api/generate-content#UsageMetadata; `providers.md` 8; `recordings.md` 5.5, 5.9
"""

from __future__ import annotations

from headgate.ir.request import Json
from headgate.ir.usage import Usage, clamped

_MODALITIES = ("", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT")  # as numbers


def decode_usage(wire: Json) -> Usage:
    """Read a `usageMetadata` object.

    Shape:  {"promptTokenCount": int, "cachedContentTokenCount": int, "candidatesTokenCount": int,
            "thoughtsTokenCount": int, "toolUsePromptTokenCount": int,
            "promptTokensDetails": [{"modality": str | int, "tokenCount": int}], ...}, all optional.
    Units:  tokens. The cached part is inside of the prompt; thoughts are outside of the candidates.
    Errors: none; a missing or mad count is zero, a detail never exceeds what it is part of.
    """
    prompt = clamped(wire.get("promptTokenCount")) + clamped(wire.get("toolUsePromptTokenCount"))
    cached = min(clamped(wire.get("cachedContentTokenCount")), prompt)
    thoughts = clamped(wire.get("thoughtsTokenCount"))
    output = clamped(wire.get("candidatesTokenCount")) + thoughts
    fresh = prompt - cached
    return Usage(
        input=fresh,
        cache_read=cached,
        output=output,
        reasoning=thoughts,
        audio_input=min(_fresh(wire, "AUDIO"), fresh),
        image_input=min(_fresh(wire, "IMAGE"), fresh),
        audio_output=min(_of(wire, "candidatesTokensDetails", "AUDIO"), output),
        image_output=min(_of(wire, "candidatesTokensDetails", "IMAGE"), output),
    )


def _fresh(wire: Json, modality: str) -> int:
    """Count what was read of one modality and not from the cache."""
    read = _of(wire, "promptTokensDetails", modality)
    read += _of(wire, "toolUsePromptTokensDetails", modality)
    return max(read - _of(wire, "cacheTokensDetails", modality), 0)


def _of(wire: Json, details: str, modality: str) -> int:
    entries = wire.get(details)
    if not isinstance(entries, list):
        return 0
    counts = (
        entry.get("tokenCount")
        for entry in entries
        if isinstance(entry, dict) and _modality(entry.get("modality")) == modality
    )
    return sum(clamped(count) for count in counts)


def _modality(value: object) -> object:
    if isinstance(value, int) and 0 <= value < len(_MODALITIES):
        return _MODALITIES[value]
    return value


def encode_usage(usage: Usage) -> Json:
    """Write a `usageMetadata` object; counts of zero that Gemini leaves out are left out."""
    wire: Json = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": usage.output - usage.reasoning,
        "totalTokenCount": usage.total,
    }
    if usage.cache_read:
        wire["cachedContentTokenCount"] = usage.cache_read
    if usage.reasoning:
        wire["thoughtsTokenCount"] = usage.reasoning
    prompt = _details(usage.prompt, usage.audio_input, usage.image_input)
    if len(prompt) > 1:
        wire["promptTokensDetails"] = prompt
    spoken = usage.output - usage.reasoning
    candidates = _details(spoken, usage.audio_output, usage.image_output)
    if len(candidates) > 1:
        wire["candidatesTokensDetails"] = candidates
    return wire


def _details(total: int, audio: int, image: int) -> list[Json]:
    counts = {"TEXT": max(total - audio - image, 0), "AUDIO": audio, "IMAGE": image}
    return [
        {"modality": modality, "tokenCount": count}
        for modality, count in counts.items()
        if count or modality == "TEXT"
    ]
