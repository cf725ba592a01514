"""What nobody reads of an upstream's reply: kept by its path, and named to foreign callers.

Source: ai.google.dev/api/generate-content#GenerateContentResponse
"""

from __future__ import annotations

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
_NOTHING: tuple[object, ...] = (None, "", [], {})
_MOST = 64  # of a reply; beyond that an upstream is not describing but filling memory


def leftovers_in(data: bytes) -> Json:
    """Give what nobody reads of a reply or a frame, by its path.

    Such as `candidates[0].safetyRatings`; empty when it is read whole, or is no JSON object.
    """
    found: Json = {}
    wire = parsed_object(data)
    if wire is None:
        return found
    _keep("", wire, _TOP, found)
    candidates = wire.get("candidates")
    for position, candidate in enumerate(candidates if isinstance(candidates, list) else ()):
        if isinstance(candidate, dict):
            place = f"candidates[{candidate.get('index', position)}]."
            _keep(place, candidate, _CANDIDATE, found)
            grounding = candidate.get("groundingMetadata")
            if isinstance(grounding, dict):
                _keep(f"{place}groundingMetadata.", grounding, _GROUNDING, found)
    return found


def _keep(place: str, wire: Json, known: frozenset[str], found: Json) -> None:
    for name, value in wire.items():
        says_nothing = value in _NOTHING or (name == "safetyRatings" and _is_harmless(value))
        if name not in known and not says_nothing and len(found) < _MOST:
            found[f"{place}{name}"] = value


def _is_harmless(ratings: object) -> bool:
    """Tell ratings by which nothing was found: older models send them with every answer."""
    return isinstance(ratings, list) and all(
        isinstance(rating, dict)
        and rating.get("probability") == "NEGLIGIBLE"
        and not rating.get("blocked")
        for rating in ratings
    )
