"""Which handler answers which method and path.

The policy of a request hangs on the route that matched, never on a second look at the path
(reliability.md S-29), so matching is exact: a path that could be read in two ways is refused.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.request import Request
from headgate.edge.responder import Responder

Handler = Callable[[Request, Responder], Awaitable[None]]

NO_PARAMS: Mapping[str, str] = MappingProxyType({})

# `//`, dot segments, characters that no path holds, broken escapes, and escapes that hide a dot,
# a percent sign, a backslash or a control character. `%2F` is judged by the route: see `_params`.
_AMBIGUOUS = re.compile(
    r"//|/\.{1,2}(?:/|$)|[\\;\"<>^`{|}\x00-\x20\x7f]"
    r"|%(?![0-9A-Fa-f]{2})|%(?:2[Ee]|25|5[Cc]|7[Ff]|[01][0-9A-Fa-f])"
)
_START_SEGMENTS = 2
_PLACEHOLDER = re.compile(r"\{([a-z_]+)(:path)?\}")


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the routing table.

    `path` is exact, or holds one `{name}` (no slash in it) or ends in `{name:path}`. A route with
    GET answers HEAD too, and every route answers a browser's preflight.
    """

    methods: tuple[str, ...]
    path: str
    handler: Handler
    dialect: str = "openai_chat"  # in which failures are spelled
    public: bool = False  # needs no key
    body_limit_bytes: int | None = None  # None: the server's
    upload: bool = False  # a form with files is spooled, within a larger limit
    websocket: Handler | None = None  # answers a GET that asks for a WebSocket


class Match(NamedTuple):
    """A route, and what its path holds."""

    route: Route
    path: str
    query: str = ""
    params: Mapping[str, str] = NO_PARAMS


class Pattern(NamedTuple):
    """A path with one placeholder, cut in three."""

    prefix: str
    name: str
    suffix: str
    any_depth: bool  # the value may hold slashes

    def value_in(self, path: str) -> str | None:
        """The raw text at the placeholder, or None if the path is another."""
        if not (path.startswith(self.prefix) and path.endswith(self.suffix)):
            return None
        value = path[len(self.prefix) : len(path) - len(self.suffix)]
        return value if value and (self.any_depth or "/" not in value) else None


def parse_pattern(path: str) -> Pattern | None:
    """Cut a route's path at its placeholder; None when it has none.

    Errors: ValueError when it holds two placeholders.
    """
    found = _PLACEHOLDER.search(path)
    if found is None:
        return None
    prefix, suffix = path[: found.start()], path[found.end() :]
    if _PLACEHOLDER.search(suffix):
        raise ValueError(f"one placeholder at most: {path}")
    return Pattern(prefix, found[1], suffix, found[2] is not None)


def split_target(url: bytes) -> tuple[str, str]:
    """Split a request target into path and query.

    Errors: `RelayError` (400) for every form but `/path?query`, and for ambiguous paths (F-C20).
    """
    if not url.startswith(b"/") or not url.isascii():
        raise _refused("The request target must be a path that starts with /, in ASCII.")
    target = url.decode("ascii")
    if "#" in target:
        raise _refused("The request target must not hold a fragment.")
    path, _, query = target.partition("?")
    if _AMBIGUOUS.search(path):
        raise _refused(
            "The path can be read in more than one way (`//`, dot segments, `;`, `\\`, or an "
            "encoded dot, percent sign, backslash or control character)."
        )
    return path, query


def _refused(message: str) -> RelayError:
    return RelayError(Failure(kind=FailureKind.INVALID_REQUEST, message=message))


def _has_slash_escape(path: str) -> bool:
    return "%2F" in path or "%2f" in path


Start = tuple[str, ...]
Fork = tuple[Pattern, dict[str, Route]]


def _start_of(path: str) -> Start:
    """Give the first folders of a path; what follows its last slash is none."""
    return tuple(path.split("/", _START_SEGMENTS + 1)[1:-1])


class RouteTable:
    """All routes, indexed: exact paths by one look-up, patterns by the folders they begin with."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: list[Fork] = []
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            methods = by_path.setdefault(route.path, {})
            for method in route.methods:
                if method in methods:
                    raise ValueError(f"two routes for {method} {route.path}")
                methods[method] = route
        for path, methods in by_path.items():
            if "GET" in methods:
                methods.setdefault("HEAD", methods["GET"])
            pattern = parse_pattern(path)
            if pattern is None:
                self._exact[path] = methods
            else:
                self._patterns.append((pattern, methods))
        # The longest fixed part first: /v1/models/{id}/x before /v1/models/{id:path}.
        self._patterns.sort(key=lambda item: -len(item[0].prefix) - len(item[0].suffix))
        self._by_start = self._indexed()
        self._folders = {path.split("/", 2)[1] for path in by_path} - {""}

    def exact(self) -> dict[str, dict[str, Route]]:
        """Every path without a placeholder, with its methods."""
        return self._exact

    def owns(self, path: str) -> bool:
        """Whether a path lies beside these routes (`/v1/...`), so that its 404 is ours to spell."""
        return path.split("/", 2)[1] in self._folders

    def methods_at(self, path: str) -> tuple[dict[str, Route], Mapping[str, str]] | None:
        """Routes by method at a path, and the path's parameters.

        Errors: `RelayError` (400) when an escaped slash makes the path ambiguous.
        """
        methods = self._exact.get(path)
        if methods is not None:
            return methods, NO_PARAMS
        for pattern, candidates in self._near(path):
            value = pattern.value_in(path)
            if value is not None and (pattern.any_depth or not _has_slash_escape(value)):
                return candidates, {pattern.name: _decoded(value)}
        if _has_slash_escape(path):
            raise _refused("The path holds an encoded slash where it could be read in two ways.")
        return None

    def _indexed(self) -> dict[Start, list[Fork]]:
        """Put with each beginning of a pattern all patterns that such a path may fit, in order."""
        starts = [_start_of(pattern.prefix) for pattern, _ in self._patterns]
        wanted = {start[:size] for start in starts for size in range(_START_SEGMENTS + 1)}
        return {
            each: [
                fork
                for start, fork in zip(starts, self._patterns, strict=True)
                if start == each[: len(start)]
            ]
            for each in wanted
        }

    def _near(self, path: str) -> list[Fork]:
        """The patterns that begin like a path: a few, however many routes there are."""
        start = _start_of(path)
        while start not in self._by_start and start:
            start = start[:-1]
        return self._by_start.get(start, [])


def _decoded(value: str) -> str:
    if "%" not in value:
        return value
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise _refused("The path is not UTF-8 when decoded.") from None
