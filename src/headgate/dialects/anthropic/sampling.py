"""Temperature, top_p and top_k, where the model and its thinking allow them.

Source: platform.claude.com/docs/en/build-with-claude/extended-thinking (feature compatibility) and
/about-claude/models (newer models take one of them, then none); `uni-api.md` 1.11.
"""

from __future__ import annotations

from headgate.dialects.anthropic.models import ModelRules
from headgate.dialects.claude_thinking import Thoughts
from headgate.ir.loss import Losses
from headgate.ir.request import ChatRequest, Json

_GREATEST_TEMPERATURE = 1
_THINKING_TOP_P = 0.95  # the least top_p that goes with thinking
_NONE_TAKEN = "this model takes no sampling parameters"
_THINKING = "excluded by thinking"


def encode_sampling(
    request: ChatRequest, rules: ModelRules, thoughts: Thoughts, suffixed: bool, losses: Losses
) -> Json:
    """Write what may be sent. `suffixed`: an alias such as `...-think-2048` asked for thinking."""
    temperature, top_p = request.temperature, request.top_p
    if temperature is not None and temperature > _GREATEST_TEMPERATURE:
        losses.changed("temperature", "1, the greatest that is taken")
        temperature = _GREATEST_TEMPERATURE
    not_temperature = not_top_p = not_top_k = _NONE_TAKEN if rules.sampling == "none" else ""
    if thoughts.on and not not_top_k:
        not_temperature = "" if temperature == 1 else _THINKING
        not_top_p = _THINKING if suffixed or (top_p or 0) < _THINKING_TOP_P else ""
        not_top_k = _THINKING
    found = _sent("temperature", temperature, not_temperature, losses)
    if suffixed and thoughts.on and rules.sampling != "none":
        found["temperature"] = 1  # uni-api says it aloud
    if rules.sampling == "one" and found:
        not_top_p = not_top_p or "this model takes temperature or top_p, not both"
    found |= _sent("top_p", top_p, not_top_p, losses)
    if request.top_k is not None and not_top_k:
        losses.dropped("top_k", not_top_k)
    elif request.top_k is not None:
        found["top_k"] = request.top_k
    return found


def _sent(name: str, value: float | None, reason: str, losses: Losses) -> Json:
    """Write a value unless there is a reason against it; 1, the default, is then no loss."""
    if value is None or not reason:
        return {} if value is None else {name: value}
    if value != 1:
        losses.dropped(name, reason)
    return {}
