"""What this server offers: its routes, and how it spells failures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from headgate.base.failure import Failure, FailureKind
from headgate.edge.caller_key import HeaderOf
from headgate.edge.cors import answer_preflight
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.routes import Handler, Match, Route, RouteTable, split_target
from headgate.edge.spelling import failure_answer

_SHOWN_PATH = 200

# (failure, request id, name of the caller's dialect) -> status, headers, body
ErrorSpeller = Callable[[Failure, str, str], tuple[int, list[tuple[bytes, bytes]], bytes]]

# (header by name, query): raises RelayError for who certainly has no key
Glance = Callable[[HeaderOf, str], None]


def _anybody(_header: HeaderOf, _query: str) -> None:
    """Leave it to the handlers."""


class Site:
    """The routes, looked up by method and request target as they stand in the request line.

    `glance` is asked about the callers of large bodies, before any of the body is read: nobody
    without a key shall fill memory or disk.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        error: ErrorSpeller = failure_answer,
        glance: Glance = _anybody,
    ) -> None:
        rows = list(routes)
        self.error = error
        self.glance = glance
        self._table = RouteTable(rows)
        self._listing = ", ".join(f"{' '.join(row.methods)} {row.path}" for row in rows)
        self._folder_dialects: dict[str, str] = {}
        for row in rows:
            self._folder_dialects.setdefault(row.path.split("/", 2)[1], row.dialect)
        # One look-up each, without decoding, for requests that spell a known path and no query.
        self._ready: dict[bytes, dict[bytes, Match]] = {
            path.encode(): {method.encode(): Match(row, path) for method, row in methods.items()}
            for path, methods in self._table.exact().items()
        }

    def find(self, method: bytes, url: bytes, *, app: bool = False) -> Match | None:
        """Find who answers. None: the ASGI app does, when there is one (`app`).

        Errors: `RelayError` (400) for a request target that is no clean path.
        """
        methods = self._ready.get(url)
        if methods is not None and method in methods:
            return methods[method]
        path, query = split_target(url)
        found = self._table.methods_at(path)
        if found is None:
            if app and not self._table.owns(path):
                return None
            return Match(self._nothing_at(path), path, query)
        by_method, params = found
        verb = method.decode("ascii")
        route = by_method.get(verb) or _other_method(self.error, verb, by_method)
        return Match(route, path, query, params)

    def dialect_at(self, target: str) -> str:
        """In which dialect to spell a failure where no route has been found, or none asked for."""
        folder = target.partition("?")[0].removeprefix("/").partition("/")[0]
        return self._folder_dialects.get(folder, "openai_chat")

    def _nothing_at(self, path: str) -> Route:
        """A route that answers 404 and says what there is."""
        dialect = self.dialect_at(path)
        message = f"There is nothing at {path[:_SHOWN_PATH]}. There is: {self._listing}."
        failure = Failure(kind=FailureKind.NOT_FOUND, message=message)
        return _fixed(partial(_answer_failure, self.error, failure, dialect, []), path, dialect)


def _other_method(error: ErrorSpeller, method: str, by_method: Mapping[str, Route]) -> Route:
    """A route that answers a preflight, or 405 to any other method the path does not know."""
    some = next(iter(by_method.values()))
    allowed = ", ".join([*by_method, "OPTIONS"])
    if method == "OPTIONS":
        return _fixed(partial(answer_preflight, methods=allowed.encode()), some.path, some.dialect)
    message = f"{method} is not a method of {some.path}. Allowed: {allowed}."
    failure = Failure(kind=FailureKind.METHOD_NOT_ALLOWED, message=message)
    allow = [(b"allow", allowed.encode())]
    handler = partial(_answer_failure, error, failure, some.dialect, allow)
    return _fixed(handler, some.path, some.dialect)


def _fixed(handler: Handler, path: str, dialect: str) -> Route:
    return Route(methods=(), path=path, handler=handler, dialect=dialect, public=True)


async def _answer_failure(
    error: ErrorSpeller,
    failure: Failure,
    dialect: str,
    extra: list[tuple[bytes, bytes]],
    request: Request,
    responder: Responder,
) -> None:
    status, headers, body = error(failure, request.request_id, dialect)
    responder.answer(status, [*headers, *extra], body)
