"""Collecting what is wrong with a document while it is compiled: everything, not the first."""

from __future__ import annotations

from headgate.base.secrets import mask
from headgate.snapshot.document import ConfigError, Document, Path, Problem, key_path

_SHORTEST_SECRET = 8  # shorter ones are test keys, and would take words out of messages


class Report:
    """Errors and warnings of one compilation, beginning with those that reading found."""

    def __init__(self, document: Document) -> None:
        self._locate = document.locate
        self._errors = list(document.errors)
        self._warnings = list(document.warnings)
        # A value that could not be read has its default now; what that leads to is not news.
        self._unread = {problem.path for problem in document.errors}
        self._secrets = _secrets(document)

    def error(self, path: Path, message: str) -> None:
        """Note what makes the document unusable."""
        if path not in self._unread:
            self._errors.append(Problem(path, message))

    def warn(self, path: Path, message: str) -> None:
        """Note what the operator should know."""
        self._warnings.append(Problem(path, message))

    @property
    def errors(self) -> list[ConfigError]:
        """Every error, with its place, in the order of the document."""
        return sorted(map(self._placed, self._errors), key=_order)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Every warning as a line of text."""
        return tuple(map(str, sorted(map(self._placed, self._warnings), key=_order)))

    def _placed(self, problem: Problem) -> ConfigError:
        key, message = (
            mask(text, self._secrets) for text in (key_path(problem.path), problem.message)
        )
        return ConfigError(self._locate(problem.path), key, message)


def _order(problem: ConfigError) -> tuple[int, ...]:
    """Sort by line and column, which end the place ("api.yaml:12:5")."""
    return tuple(int(part) for part in problem.place.split(":")[-2:] if part.isdecimal())


def _secrets(document: Document) -> list[str]:
    """List what must not be repeated in a log: rules may hold other callers' keys."""
    secrets = [key.api for key in document.api_keys]
    secrets += [secret for provider in document.providers for secret in provider.api]
    return [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
