"""What a translation has lost in silence: neither in the upstream's body nor among the losses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from headgate.base.failure import RelayError
from headgate.dialects.bridge import translated
from headgate.dialects.dialect import Dialect, Target, Wire
from headgate.ir.loss import Loss
from tests.dialects.bodies.marks import Json, Leaf, Path, haystack, leaves, without

# What a field of the IR is called in the names of losses, where it is not its own name.
_NAMES: dict[str, tuple[str, ...]] = {
    "cache": ("cache_control",),
    "schema": ("function.parameters", "json_schema.schema", "parameters"),
    "strict": ("function.strict", "json_schema.strict", "strict"),
    "name": ("name", "file.filename", "function.name", "json_schema.name"),
    "description": ("function.description", "json_schema.description", "description"),
    "detail": ("image_url.detail",),
    "citations_enabled": ("citations",),
}
_REASONING = ("reasoning", "reasoning_effort", "thinking.budget_tokens", "thinking")
# A change of these says that something stands elsewhere, not that anything in it was lost.
_MOVES = ("system", "messages")


class Lost(NamedTuple):
    """A value that was lost in silence; `unread` if the IR does not even hold it."""

    path: Path
    value: Any
    unread: bool

    def __str__(self) -> str:
        """Show it as a test's failure should."""
        return f"{_shown(self.path)} = {self.value!r}{' (unread)' if self.unread else ''}"


def silent_losses(door: Dialect, body: Json, wire: Wire, model: str) -> list[Lost]:
    """List the values of a body that are lost in silence; none if the wire refuses it all."""
    target = Target(model=model, alias=model)
    request = door.decode_request(msgspec.json.encode(body))
    ir = msgspec.to_builtins(request)
    try:
        written, losses = translated(wire, request, target)
    except RelayError:
        return []  # said aloud
    said = haystack(written)
    silent: list[Lost] = []
    for leaf in leaves(body):
        if _says_nothing(leaf):
            continue
        if leaf.marks and all(mark in said for mark in leaf.marks):
            continue
        if leaf.marks:
            stands = _found(ir, leaf)
        else:
            try:
                shorter = without(body, leaf.path)
                other = door.decode_request(msgspec.json.encode(shorter))
                other_written, other_losses = translated(wire, other, target)
            except RelayError:
                continue  # it must be there
            if list(other_losses) != list(losses) or _text(other_written) != _text(written):
                continue
            stands = _differing(ir, msgspec.to_builtins(other))
        if not any(_is_named(place, losses) for path in stands for place in _places(path)):
            silent.append(Lost(leaf.path, leaf.value, unread=not stands))
    return silent


def _text(value: Any) -> bytes:
    return msgspec.json.encode(value)  # with the order of the names, which says something too


# What kind a block is shows in all else that becomes of it; the model and streaming are the URL's
# or the relay's; the entries of `reasoning_details` stand in their order.
_STRUCTURE = frozenset({"type", "model", "stream", "index", "role"})


def _says_nothing(leaf: Leaf) -> bool:
    return leaf.path[-1] in _STRUCTURE or leaf.value in (None, "", "{}") or leaf.value in ([], {})


def _shown(path: Path) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def _found(ir: Any, leaf: Leaf) -> list[Path]:
    """Find where a value with a mark stands in the IR."""
    return [
        other.path
        for other in leaves(ir)
        if any(mark in haystack(_plain(other)) for mark in leaf.marks)
    ]


def _plain(leaf: Leaf) -> str:
    return f"{leaf.path} {leaf.value}"


def _differing(one: Any, other: Any) -> list[Path]:
    """List the values of one that another has not, or has otherwise."""
    known = {leaf.path: leaf.value for leaf in leaves(other)}
    return [leaf.path for leaf in leaves(one) if known.get(leaf.path, ...) != leaf.value]


def _is_named(place: str, losses: Iterable[Loss]) -> bool:
    for loss in losses:
        name = loss.field
        moved = loss.action == "changed" and (
            name in _MOVES
            or (name.startswith("messages[") and name.endswith("]") and "." not in name)
        )
        if not moved and (place == name or place.startswith((f"{name}.", f"{name}["))):
            return True
    return False


def _places(path: Path) -> Iterator[str]:
    """Give the names under which the losses may speak of a place in the IR."""
    match path:
        case ("turns", int(turn), "parts", int(part), "content", int(inner), *rest):
            yield from _under(f"messages[{turn}].content[{part}].content[{inner}]", rest)
        case ("turns", int(turn), "parts", int(part), *rest):
            yield from _under(f"messages[{turn}].content[{part}]", rest)
        case ("turns", int(turn), "extras", str(), *rest):
            yield from _under(f"messages[{turn}]", rest)
        case ("turns", int(turn), *rest):
            yield from _under(f"messages[{turn}]", rest)
        case ("tools", int(tool), *rest):
            yield from _under(f"tools[{tool}]", rest)
        case ("extras", str(), str(first), *rest):
            yield _shown((first, *rest))
        case ("reasoning", *rest):
            yield from _REASONING
            yield _shown(("reasoning", *rest))
        case (str(field), *rest):
            for name in _NAMES.get(field, (field,)):
                yield from _under(name, rest)


def _under(base: str, rest: list[Any]) -> Iterator[str]:
    yield base
    if rest:
        head, *more = rest
        for name in _NAMES.get(head, (head,)) if isinstance(head, str) else (head,):
            dot = "" if isinstance(name, int) else "."
            yield base + dot + _shown((name, *more))
