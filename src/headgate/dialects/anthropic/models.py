"""What each generation of Claude accepts, by model-name patterns; the only place that knows names.

The first pattern that is found in the name wins, so vendors' prefixes and suffixes
(`us.anthropic.claude-...-v1:0`, `anthropic/claude-haiku-4.5`) need no rows of their own.

Source: platform.claude.com/docs/en/build-with-claude (extended-thinking, adaptive-thinking,
effort, structured-outputs, mid-conversation-system-messages); `max_tokens` defaults as in
`uni-api.md` 4.4.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import msgspec

from headgate.ir.request import Effort

NAME = "anthropic"

# "budget": thinking.type enabled; "adaptive": thinking.type adaptive; "always": adaptive, and it
# cannot be switched off.
ThinkingMode = Literal["none", "budget", "adaptive", "always"]
# "one": temperature or top_p, not both; "none": the API refuses any value but the default.
Sampling = Literal["free", "one", "none"]


class ModelRules(msgspec.Struct, frozen=True, kw_only=True):
    """What may be asked of a model, and what is asked where the caller said nothing."""

    max_tokens: int = 4096  # the default; a request without a value is refused
    thinking: ThinkingMode = "budget"
    budget_allowed: bool = True  # may thinking.type still be "enabled"?
    disabled_allowed: bool = True  # may it be "disabled"? If not, leaving it out means off
    sampling: Sampling = "free"
    efforts: tuple[Effort, ...] = ()
    structured: bool = True  # output_config.format and strict tools
    system_turns: bool = False  # role "system" inside `messages`

    def limit_with(self, budget: int) -> int:
        """Give the default limit of the output beside a budget of thoughts."""
        return self.max_tokens if budget < self.max_tokens else budget + self.max_tokens


_OLD = ModelRules(thinking="none", structured=False)
_SHORT_EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "max")
_ALL_EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")
_4_6 = ModelRules(thinking="adaptive", sampling="one", efforts=_SHORT_EFFORTS)
_4_7 = ModelRules(
    max_tokens=32000,
    thinking="adaptive",
    budget_allowed=False,
    disabled_allowed=False,
    sampling="none",
    efforts=_ALL_EFFORTS,
)
_5 = msgspec.structs.replace(_4_7, max_tokens=64000, disabled_allowed=True)

_UNKNOWN = ModelRules()  # other vendors' models behind this wire: the plain, old form of each field

# A version's second number has one or two digits; what is longer is a release date.
_TABLE: tuple[tuple[re.Pattern[str], ModelRules], ...] = tuple(
    (re.compile(pattern), rules)
    for pattern, rules in (
        (r"claude-3[-.]7-sonnet", ModelRules(max_tokens=128_000, structured=False)),
        (r"claude-3[-.]5-(sonnet|haiku)", msgspec.structs.replace(_OLD, max_tokens=8192)),
        (r"claude-(instant|[123](?!\d))", _OLD),
        (r"claude-opus-4[-.]8(?!\d)", msgspec.structs.replace(_4_7, system_turns=True)),
        (r"claude-opus-4[-.]7(?!\d)", _4_7),
        (r"claude-opus-4[-.]6(?!\d)", msgspec.structs.replace(_4_6, max_tokens=32000)),
        (r"claude-sonnet-4[-.]6(?!\d)", msgspec.structs.replace(_4_6, max_tokens=64000)),
        (
            r"claude-opus-4[-.]5(?!\d)",
            ModelRules(max_tokens=32000, sampling="one", efforts=("low", "medium", "high")),
        ),
        (r"claude-(sonnet|haiku)-4[-.]5(?!\d)", ModelRules(max_tokens=64000, sampling="one")),
        (
            r"claude-opus-4[-.]1(?!\d)",
            ModelRules(max_tokens=32000, sampling="one", structured=False),
        ),
        (r"claude-opus-4", ModelRules(max_tokens=32000, structured=False)),
        (r"claude-sonnet-4", ModelRules(max_tokens=64000, structured=False)),
        (
            r"claude-(fable|mythos)",
            msgspec.structs.replace(_5, thinking="always", system_turns=True),
        ),
        (r"claude-opus-\d", msgspec.structs.replace(_5, system_turns=True)),
        (r"claude-[a-z]+-\d", _5),
    )
)


@lru_cache(maxsize=1024)
def rules_of(model: str) -> ModelRules:
    """Look up what a model accepts."""
    name = model.lower()
    return next((rules for pattern, rules in _TABLE if pattern.search(name)), _UNKNOWN)
