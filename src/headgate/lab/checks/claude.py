"""What Claude demands of the thinking that comes back, whether at Anthropic or at Bedrock.

Source: docs.anthropic.com/en/docs/build-with-claude/extended-thinking
"""

from __future__ import annotations

from headgate.lab.checks.finding import DispleasedError, Turn
from headgate.lab.wires import seals
from headgate.lab.wires.question import Json, mapping, whole_number

THOUGHTS = ("thinking", "redacted_thinking")
# The lab's own thinking says that a redacted block follows it, and that says what it follows.
PRIVATELY = "partly in private"
FOLLOWING = "What follows the thinking of"
BUDGET_MIN = 1024
NOT_FIRST = (
    "messages.{}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{}`."
    " When `thinking` is enabled, a final `assistant` message must start with a thinking block"
    " (preceeding the lastmost set of `tool_use` and `tool_result` blocks). We recommend you"
    " include thinking blocks from previous turns. To avoid this requirement, disable `thinking`."
    " Please consult our documentation at"
    " https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
)
MODIFIED = (
    "messages.{}.content.{}: `thinking` or `redacted_thinking` blocks in the latest assistant"
    " message cannot be modified. These blocks must remain as they were in the original response."
)


def thinks(thinking: object) -> bool:
    """Whether Claude may think: the lab does unless it is told not to."""
    return mapping(thinking).get("type") != "disabled"


def check_settings(
    thinking: Json, max_tokens: object, temperature: object, *, forced: bool
) -> None:
    """Raise where the settings do not go with thinking."""
    if thinking.get("type") != "enabled":
        return
    budget = whole_number(thinking.get("budget_tokens"))
    limit = whole_number(max_tokens)
    if budget is None or budget < BUDGET_MIN:
        raise DispleasedError(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
        )
    if limit is not None and limit <= budget:
        raise DispleasedError(
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our"
            " documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
        )
    if temperature not in (None, 1):
        raise DispleasedError("`temperature` may only be set to 1 when thinking is enabled.")
    if forced:
        raise DispleasedError("Thinking may not be enabled when tool_choice forces tool use.")


def check_thinking(turns: list[Turn], *, enabled: bool) -> None:
    """Raise where thinking is missing, changed, or not the lab's own."""
    spoken = [turn for turn in turns if turn.role == "assistant"]
    for turn in spoken:
        for index, block in enumerate(turn.blocks):
            _check_block(turn, index, block)
    if not spoken or turns[-1] is spoken[-1]:
        return
    last = spoken[-1]
    if enabled and any(block.get("type") == "tool_use" for block in last.blocks):
        first = str(last.blocks[0].get("type"))
        if first not in THOUGHTS:
            raise DispleasedError(NOT_FIRST.format(last.index, first))
    _check_complete(last)


def _check_block(turn: Turn, index: int, block: Json) -> None:
    at = f"messages.{turn.index}.content.{index}"
    match block.get("type"):
        case "thinking":
            text, signature = block.get("thinking"), block.get("signature")
            if not seals.is_seal(seals.CLAUDE, str(text), signature):
                raise DispleasedError(f"{at}: Invalid `signature` in `thinking` block")
        case "redacted_thinking":
            if seals.opened(seals.CLAUDE, block.get("data")) is None:
                raise DispleasedError(f"{at}: Invalid `data` in `redacted_thinking` block")


def _check_complete(last: Turn) -> None:
    """Raise where one of two blocks of the latest message has been left out."""
    kinds = ["", *(block.get("type") for block in last.blocks), ""]
    for index, block in enumerate(last.blocks):
        before, after = kinds[index], kinds[index + 2]
        hidden = seals.opened(seals.CLAUDE, block.get("data")) or ""
        if (PRIVATELY in str(block.get("thinking")) and after != "redacted_thinking") or (
            FOLLOWING in hidden and before != "thinking"
        ):
            raise DispleasedError(MODIFIED.format(last.index, index))
