"""How much thinking an effort stands for, where one side says words and the other says tokens."""

from __future__ import annotations

from headgate.ir.request import Effort

EFFORTS: tuple[Effort, ...] = ("minimal", "low", "medium", "high", "xhigh", "max")  # that think
BUDGETS: dict[Effort, int] = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16384,
    "xhigh": 24576,
    "max": 32000,
}
_LOW_SHARE, _MEDIUM_SHARE = 3_200, 8_000


def effort_of(budget_tokens: int) -> Effort:
    """Find the greatest effort whose budget is not above this one; at least low."""
    fitting = (effort for effort in EFFORTS[1:] if BUDGETS[effort] <= budget_tokens)
    return max(fitting, key=EFFORTS.index, default="low")


def shared_effort(budget_tokens: int) -> Effort:
    """Name the effort of the wires that know three, or none.

    OpenRouter documents low, medium and high as 20, 50 and 80 % of the answer's limit; here of 16k.
    """
    if budget_tokens <= 0:
        return "none"
    if budget_tokens <= _LOW_SHARE:
        return "low"
    return "medium" if budget_tokens <= _MEDIUM_SHARE else "high"


def nearest_effort(wanted: Effort, known: tuple[Effort, ...]) -> Effort | None:
    """Find the greatest known effort that is not above the wanted one, else the least."""
    rank = EFFORTS.index(wanted)
    below = [effort for effort in known if EFFORTS.index(effort) <= rank]
    return below[-1] if below else next(iter(known), None)
