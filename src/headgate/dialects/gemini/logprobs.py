"""Log probabilities: between `logprobsResult` and OpenAI's object, which is ours.

Source: ai.google.dev/api/generate-content#LogprobsResult
"""

from __future__ import annotations

from typing import Any

from headgate.dialects.lenient_json import objects_of
from headgate.ir.request import Json


def decode_logprobs(wire: Json) -> Json:
    """Read {"chosenCandidates": [{"token", "logProbability"}], "topCandidates": [...]}."""
    tops = wire.get("topCandidates")
    alternatives = [_candidates(top) for top in tops] if isinstance(tops, list) else []
    chosen = wire.get("chosenCandidates")
    content = []
    for index, candidate in enumerate(chosen if isinstance(chosen, list) else []):
        top = alternatives[index] if index < len(alternatives) else []
        content.append(_entry(candidate) | {"top_logprobs": [_entry(other) for other in top]})
    return {"content": content}


def _candidates(top: Any) -> list[Any]:
    found = top.get("candidates") if isinstance(top, dict) else None
    return found if isinstance(found, list) else []


def _entry(candidate: Any) -> Json:
    known = candidate if isinstance(candidate, dict) else {}
    token = str(known.get("token", ""))
    return {
        "token": token,
        "logprob": known.get("logProbability", 0.0),
        "bytes": list(token.encode()),
    }


def encode_logprobs(ours: Json) -> Json:
    """Write `logprobsResult`."""
    content = objects_of(ours.get("content"))
    return {
        "chosenCandidates": [_candidate(entry) for entry in content],
        "topCandidates": [
            {"candidates": [_candidate(other) for other in objects_of(entry.get("top_logprobs"))]}
            for entry in content
        ],
    }


def _candidate(entry: Json) -> Json:
    return {"token": entry.get("token", ""), "logProbability": entry.get("logprob", 0.0)}
