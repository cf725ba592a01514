"""The rate-limit grammar: "15/min,500/day,8000/tpr". Source: `uni-api.md` 1.6."""

from __future__ import annotations

import re
from collections.abc import Mapping

from headgate.snapshot.document import Path
from headgate.snapshot.facts import LimitTable, RateLimit, Window
from headgate.snapshot.report import Report

_PART = re.compile(r"(\d+)\s*/\s*([a-z]+)", re.IGNORECASE)
_TOKENS_PER_REQUEST = "tpr"
_DEFAULT = "default"
_MONTH_S = 2_592_000.0
_YEAR_S = 31_536_000.0
_UNITS_S = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hr": 3600.0,
    "hour": 3600.0,
    "d": 86_400.0,
    "day": 86_400.0,
    "mo": _MONTH_S,
    "month": _MONTH_S,
    "y": _YEAR_S,
    "year": _YEAR_S,
}


def read_limit(text: str) -> RateLimit:
    """Read parts that must all hold. Errors: ValueError with what to write instead."""
    windows: list[Window] = []
    tokens: int | None = None
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _PART.fullmatch(part)
        if found is None:
            raise ValueError(f'"{part}" is not a limit: write "60/min", or "15/min,500/day"')
        count, unit = int(found[1]), found[2].lower()
        if unit == _TOKENS_PER_REQUEST:
            tokens = count if tokens is None else min(tokens, count)
        elif unit in _UNITS_S:
            windows.append(Window(count, _UNITS_S[unit]))
        else:
            raise ValueError(f'unknown unit "{unit}": write s, min, h, day, month, year or tpr')
    if not windows and tokens is None:
        raise ValueError('the limit is empty: write "60/min", or leave it out')
    return RateLimit(tuple(windows), tokens)


def limits_of(texts: Mapping[str, str], path: Path, report: Report) -> dict[str, RateLimit]:
    """Read the limits of a table, by model name or "default"."""
    limits = {}
    for model, text in texts.items():
        try:
            limits[model] = read_limit(text)
        except ValueError as problem:
            report.error(path if model == _DEFAULT else (*path, model), str(problem))
    return limits


def limit_table(texts: Mapping[str, str], path: Path, report: Report) -> LimitTable | None:
    """Read a table of limits; None if there are none."""
    limits = limits_of(texts, path, report)
    if not limits:
        return None
    entries = tuple((name, limit) for name, limit in limits.items() if name != _DEFAULT)
    return LimitTable(entries, limits.get(_DEFAULT))
