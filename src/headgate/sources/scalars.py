"""Single values of an api.yaml: text with ${VARIABLES}, numbers, flags, dates, sizes.

Each takes what was written and gives the value, or raises `UnreadableError` with what to write.
Sources: `uni-api.md` 1.1 (variables), yaml.org/type (implicit types).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

import yaml

# The two spellings of YAML 1.1, and what people write in environment variables.
_TRUE = frozenset({"true", "yes", "on", "y", "1"})
_FALSE = frozenset({"false", "no", "off", "n", "0"})
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_SIZE = re.compile(r"(\d[\d_]*(?:\.\d+)?)\s*(?:([kmgt]?)(i?)b)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_RESOLVER = yaml.resolver.Resolver()
_CONSTRUCTOR = yaml.constructor.SafeConstructor()
_TAG = "tag:yaml.org,2002:"


class UnreadableError(Exception):
    """What was written does not fit. The message says what would."""


def expand(text: str, environment: Mapping[str, str], unset: list[str]) -> str:
    """Put variables in: `${NAME}`, or `${NAME:-default}` where it is unset or empty.

    The names of variables that are not set and have no default are added to `unset`.
    """

    def value(found: re.Match[str]) -> str:
        name, default = found.group(1, 2)
        if default is not None:
            return environment.get(name) or default
        if name not in environment:
            unset.append(name)
        return environment.get(name, "")

    return _VARIABLE.sub(value, text) if "${" in text else text


def seconds(text: str) -> float:
    """Read a number of seconds."""
    try:
        value = float(text)
    except ValueError:
        raise UnreadableError("write a number of seconds") from None
    if not math.isfinite(value) or value < 0:
        raise UnreadableError("write a number of seconds, 0 or more")
    return value


def whole(text: str) -> int:
    """Read a whole number; `5.0` is one."""
    try:
        value = float(text)
    except ValueError:
        raise UnreadableError("write a whole number") from None
    if not value.is_integer() or abs(value) > 2**53:
        raise UnreadableError("write a whole number")
    return int(value)


def flag(text: str) -> bool:
    """Read a yes or no."""
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise UnreadableError("write true or false")


def flag_or_whole(text: str) -> bool | int:
    """Read a yes or no, or a number; digits are a number."""
    if text.isascii() and text.isdigit():
        return whole(text)
    try:
        return flag(text)
    except UnreadableError:
        raise UnreadableError("write true, false or a whole number") from None


def size(text: str) -> int:
    """Read a number of bytes: 1000000, "20MB" (decimal) or "25MiB" (binary)."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise UnreadableError('write a number of bytes, "20MB" or "25MiB"')
    number, unit, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** _POWERS[(unit or "").lower()])


def moment(text: str) -> float:
    """Read a date and time as seconds since the epoch. Without a zone it is UTC."""
    try:
        if _CONSTRUCTOR.timestamp_regexp.match(text):
            node = yaml.ScalarNode(_TAG + "timestamp", text)
            value = _CONSTRUCTOR.construct_yaml_timestamp(node)
        else:
            value = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        hint = "write a date and time such as 2024-01-01T00:00:00+08:00"
        raise UnreadableError(hint) from None
    if not isinstance(value, datetime):
        value = datetime.combine(value, time(tzinfo=UTC))
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def plain(text: str) -> Any:
    """Give the value that YAML means by an unquoted text: number, flag, nothing or text.

    Dates stay text, since the value is to become JSON.
    """
    resolved: str = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # its stub has no types
    tag = resolved.removeprefix(_TAG)
    if tag not in {"int", "float", "bool", "null"}:
        return text
    try:
        value = _CONSTRUCTOR.construct_object(yaml.ScalarNode(_TAG + tag, text))
    except (ValueError, OverflowError):
        return text
    if isinstance(value, float) and not math.isfinite(value):
        raise UnreadableError("JSON has no infinite numbers")
    return value
