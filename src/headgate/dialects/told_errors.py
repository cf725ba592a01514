"""What upstreams tell in their error objects, in whichever fields they put it.

Source: `recordings.md` 5.10, `providers.md` 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from headgate.base.secrets import mask
from headgate.dialects.dialect import UpstreamError

_LONGEST_MESSAGE = 4_000
_LONGEST_WORD = 200
_WAIT = re.compile(
    r"(?:try again in|retry after|retry in)\s+(?:(\d{1,9})\s*m(?!s)(?:in\w*)?\s*)?"
    r"(?:(\d{1,9}(?:\.\d+)?)\s*(ms|s))?",
    re.IGNORECASE,
)


def told_error(
    *,
    message: object = None,
    kind: object = None,
    code: object = None,
    param: object = None,
    statuses: Iterable[object] = (),
    retry_after_s: object = None,
) -> UpstreamError:
    """Make an error of what was found; values of a wrong type count as absent.

    The first of the `statuses` that is one counts. A wait may also stand in the message.
    """
    text = mask(message)[:_LONGEST_MESSAGE] if isinstance(message, str) else ""
    is_wait = isinstance(retry_after_s, int) and not isinstance(retry_after_s, bool)
    return UpstreamError(
        message=text,
        kind=_word(kind),
        code=_word(code),
        param=_word(param),
        status=next((status for each in statuses if (status := status_of(each))), None),
        retry_after_s=retry_after_s if is_wait else _told_wait(text),  # type: ignore[arg-type]  # is_wait says int
    )


def status_of(value: object) -> int | None:
    """Read an HTTP status of an error, a number or its digits. None for anything else."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value[:4])
    return value if isinstance(value, int) and 400 <= value <= 599 else None


def detail_text(detail: object) -> str:
    """Say FastAPI's validation details, or a plain text, in one line."""
    if isinstance(detail, str):
        return detail
    if isinstance(detail, dict):
        return str(detail.get("message") or detail.get("msg") or detail.get("error") or "")
    if not isinstance(detail, list):
        return ""
    lines = []
    for entry in detail:
        if isinstance(entry, dict):
            steps = entry.get("loc")
            place = ".".join(map(str, steps)) if isinstance(steps, list) else ""
            lines.append(f"{place}: {entry.get('msg', '')}" if place else str(entry.get("msg", "")))
        elif isinstance(entry, str):
            lines.append(entry)
    return "; ".join(lines)


def _word(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)[:_LONGEST_WORD]


def _told_wait(message: str) -> float | None:
    """Find "try again in 1m20s", "retry after 30 seconds" and the like."""
    found = _WAIT.search(message)
    if found is None or not (found[1] or found[2]):
        return None
    seconds = float(found[2] or 0)
    if (found[3] or "").lower() == "ms":
        seconds /= 1000
    return 60.0 * int(found[1] or 0) + seconds
