"""Changing an upstream body as the operator says: `post_body_parameter_overrides`.

Order and meaning: `uni-api.md` 1.10. Top-level values of a body may be `msgspec.Raw`; only those
that an override touches are decoded, so that the others go on byte for byte. Shared values are
never edited in place, because an override belongs to the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from headgate.dialects.fields import decoded
from headgate.snapshot.facts import Override, Removal

Body = dict[str, Any]


def overridden(body: Body, overrides: Sequence[Override]) -> Body:
    """Lay the operator's overrides over a body, layer by layer."""
    for override in overrides:
        body = merged(_opened(body, override), override.values)
        for removal in override.removals:
            body = removed(body, removal)
    return body


def _opened(body: Mapping[str, Any], override: Override) -> Body:
    """Decode the values that the override looks into."""
    touched = {*override.values, *(removal.path[0] for removal in override.removals)}
    return {
        name: decoded(value, name) if name in touched and isinstance(value, msgspec.Raw) else value
        for name, value in body.items()
    }


def merged(body: Mapping[str, Any], values: Mapping[str, Any]) -> Body:
    """Merge dicts deeply; everything else is replaced."""
    result = dict(body)
    for name, value in values.items():
        old = result.get(name)
        if isinstance(old, dict) and isinstance(value, Mapping):
            result[name] = merged(old, value)
        else:
            result[name] = value
    return result


def removed(body: Body, removal: Removal) -> Body:
    """Remove what one `__remove__` entry names."""
    result = _without(body, removal.path, removal)
    return result if isinstance(result, dict) else body


def _without(value: Any, path: Sequence[str], removal: Removal) -> Any:
    """Copy a value without the thing at the path; lists on the way are searched item by item."""
    if isinstance(value, list):
        return [_without(item, path, removal) for item in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    name, rest = path[0], path[1:]
    result = dict(value)
    if rest:
        result[name] = _without(value[name], rest, removal)
        return result
    left = _left_over(value[name], removal)
    if left is None:
        del result[name]
    else:
        result[name] = left
    return result


def _left_over(found: Any, removal: Removal) -> Any:
    """What stays of the named value; None if all of it goes."""
    if not removal.conditions:
        return None
    if isinstance(found, list):
        kept = [item for item in found if not _meets(item, removal.conditions)]
        return None if removal.drop_empty and not kept else kept
    return None if _meets(found, removal.conditions) else found


def _meets(item: Any, conditions: Sequence[Any]) -> bool:
    return any(_meets_one(item, condition) for condition in conditions)


def _meets_one(item: Any, condition: Any) -> bool:
    """A condition is a plain value, or a map of dotted path to value."""
    if not isinstance(condition, Mapping):
        return bool(item == condition)
    return all(_at(item, path) == value for path, value in condition.items())


def _at(item: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(item, dict):
            return None
        item = item.get(name)
    return item
