"""What nobody reads of an upstream's reply: kept by its path, and named to foreign callers.

Source: ai.google.dev/api/generate-content#GenerateContentResponse
"""

from __future__ import annotations

from headgate.dialects.leftovers import keep_unread
from headgate.dialects.lenient_json import parsed_object
from headgate.ir.request import Json

_TOP = frozenset(
    {
        *("candidates", "usageMetadata", "promptFeedback", "modelVersion", "responseId"),
        *("createTime", "error"),
    }
)
_CANDIDATE = frozenset(
    {
        *("content", "finishReason", "index", "groundingMetadata", "citationMetadata"),
        "logprobsResult",
    }
)
_GROUNDING = frozenset({"groundingChunks", "groundingSupports"})


def leftovers_in(data: bytes) -> Json:
    """Give what nobody reads of a reply or a frame, by its path.

    Such as `candidates[0].safetyRatings`; empty when it is read whole, or is no JSON object.
    """
    found: Json = {}
    wire = parsed_object(data)
    if wire is None:
        return found
    keep_unread(found, "", wire, _TOP)
    candidates = wire.get("candidates")
    for position, candidate in enumerate(candidates if isinstance(candidates, list) else ()):
        if isinstance(candidate, dict):
            place = f"candidates[{candidate.get('index', position)}]"
            keep_unread(found, place, candidate, _known_of(candidate))
            grounding = candidate.get("groundingMetadata")
            if isinstance(grounding, dict):
                keep_unread(found, f"{place}.groundingMetadata", grounding, _GROUNDING)
    return found


def _known_of(candidate: Json) -> frozenset[str]:
    """Tell what is read; ratings by which nothing was found say nothing."""
    harmless = _is_harmless(candidate.get("safetyRatings"))
    return _CANDIDATE | {"safetyRatings"} if harmless else _CANDIDATE


def _is_harmless(ratings: object) -> bool:
    """Tell ratings by which nothing was found: older models send them with every answer."""
    return isinstance(ratings, list) and all(
        isinstance(rating, dict)
        and rating.get("probability") == "NEGLIGIBLE"
        and not rating.get("blocked")
        for rating in ratings
    )
