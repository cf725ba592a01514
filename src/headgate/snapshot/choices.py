"""Options whose value is one of a few words."""

from __future__ import annotations

from collections.abc import Sequence

from headgate.providers.provider import Provider
from headgate.snapshot.document import Path
from headgate.snapshot.endpoints import USUAL_PATHS
from headgate.snapshot.facts import LossPolicy, Strategy
from headgate.snapshot.report import Report

_CREDENTIAL_STRATEGIES = frozenset(
    {Strategy.ROUND_ROBIN, Strategy.RANDOM, Strategy.FIXED_PRIORITY, Strategy.SMART_ROUND_ROBIN}
)
_ANSWER_MODELS = ("requested", "upstream")


def credential_strategy(name: str, path: Path, report: Report) -> Strategy:
    """Read the order in which upstream keys are used."""
    return _strategy(name, _CREDENTIAL_STRATEGIES, path, report)


def key_strategy(name: str, path: Path, report: Report) -> Strategy:
    """Read the order in which a key's channels are tried."""
    return _strategy(name, frozenset(Strategy), path, report)


def loss_policy(name: str, path: Path, report: Report) -> LossPolicy | None:
    """Read `on_loss`; None if it was left out."""
    if not name:
        return None
    try:
        return LossPolicy(name.lower())
    except ValueError:
        report.error(path, f"write one of {', '.join(LossPolicy)}")
        return None


def answer_model(name: str, path: Path, report: Report) -> str:
    """Read `answer_model`; "" if it was left out."""
    if name and name.lower() not in _ANSWER_MODELS:
        report.error(path, f"write one of {', '.join(_ANSWER_MODELS)}")
        return ""
    return name.lower()


def chat_dialects(
    names: Sequence[str], provider: Provider, path: Path, report: Report
) -> tuple[str, ...]:
    """Read `dialects`: those of the row, unless the operator knows better."""
    known = {*provider.chat_dialects, *USUAL_PATHS}
    unknown = [name for name in names if name.lower() not in known]
    if unknown:
        report.error(path, f"{provider.name} may speak {', '.join(sorted(known))}")
        return provider.chat_dialects
    return tuple(dict.fromkeys(name.lower() for name in names)) or provider.chat_dialects


def _strategy(name: str, allowed: frozenset[Strategy], path: Path, report: Report) -> Strategy:
    """Read a strategy. An unknown one is no error: uni-api's users have lived with round_robin."""
    if name.lower() in allowed:
        return Strategy(name.lower())
    known = ", ".join(sorted(allowed))
    report.warn(path, f'"{name}" is not known: taken as round_robin (known: {known})')
    return Strategy.ROUND_ROBIN
