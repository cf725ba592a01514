"""What `headgate check` says about a configuration."""

from __future__ import annotations

from headgate.snapshot.document import ConfigError
from headgate.snapshot.facts import Snapshot


def report(result: Snapshot | list[ConfigError]) -> tuple[str, int]:
    """Put a compilation into words: the text, and the exit code (1 if it cannot be used)."""
    if isinstance(result, Snapshot):
        lines = [f"warning: {warning}" for warning in result.warnings]
        models = len({alias for channel in result.channels for alias in channel.models})
        found = (
            _counted(len(result.channels), "provider"),
            _counted(models, "model"),
            _counted(len(result.keys), "key"),
        )
        lines.append(f"ok: {', '.join(found)}; {_counted(len(result.warnings), 'warning')}")
        return "\n".join(lines), 0
    lines = [f"error: {error}" for error in result]
    if len(lines) > 1:
        lines.append(f"{_counted(len(result), 'error')}: this configuration cannot be used")
    return "\n".join(lines), 1


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
