"""What Anthropic demands of a conversation with tools.

Source: docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from headgate.lab.checks import claude
from headgate.lab.checks.finding import DispleasedError, Finding, Turn, merged, named
from headgate.lab.wires.openai import texts
from headgate.lab.wires.question import Question, dicts, mapping

ID = re.compile(r"[a-zA-Z0-9_-]+")


def examine(question: Question, *, sealed: bool) -> Finding:
    """Look at the history; raises `DispleasedError` where Anthropic would refuse it."""
    body = question.prompt.body
    turns = merged(dicts(body.get("messages")))
    check_turns(turns)
    if sealed:
        thinking = mapping(body.get("thinking"))
        forced = mapping(body.get("tool_choice")).get("type") in ("any", "tool")
        claude.check_settings(
            thinking, body.get("max_tokens"), body.get("temperature"), forced=forced
        )
        claude.check_thinking(turns, enabled=thinking.get("type") == "enabled")
    return Finding(tuple(_results(turns)))


def check_turns(turns: list[Turn]) -> None:
    """Raise where calls and results do not answer each other."""
    if turns[0].role != "user":
        raise DispleasedError('messages: first message must use the "user" role')
    called: list[str] = []
    for turn in turns:
        _check_content(turn, last=turn is turns[-1])
        _check_results(turn, called)
        called = _calls(turn)
    if called:
        raise DispleasedError(_unanswered(turns[-1].index, called))


def _unanswered(index: int, ids: list[str]) -> str:
    return (
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately"
        f" after: {named(ids)}. Each `tool_use` block must have a corresponding `tool_result`"
        " block in the next message."
    )


def _check_content(turn: Turn, *, last: bool) -> None:
    if not turn.blocks and not (last and turn.role == "assistant"):
        raise DispleasedError(
            f"messages.{turn.index}: all messages must have non-empty content except for the"
            " optional final assistant message"
        )
    for block in turn.blocks:
        if block.get("type") == "text" and not block.get("text"):
            raise DispleasedError("messages: text content blocks must be non-empty")


def _calls(turn: Turn) -> list[str]:
    """The ids that the next turn must answer."""
    ids: list[str] = []
    for index, block in enumerate(turn.blocks):
        if block.get("type") != "tool_use":
            continue
        at = f"messages.{turn.index}.content.{index}.tool_use"
        if turn.role != "assistant":
            raise DispleasedError(f"{at}: `tool_use` blocks can only be in `assistant` messages")
        if not isinstance(block.get("input"), dict):
            raise DispleasedError(f"{at}.input: Input should be a valid dictionary")
        call_id = block.get("id")
        if not isinstance(call_id, str) or not ID.fullmatch(call_id):
            raise DispleasedError(f"{at}.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
        if call_id in ids:
            raise DispleasedError("messages: `tool_use` ids must be unique")
        ids.append(call_id)
    return ids


def _check_results(turn: Turn, called: list[str]) -> None:
    """Raise unless the results at the start of a turn answer exactly the calls before it."""
    answered: list[str] = []
    in_front = True
    for index, block in enumerate(turn.blocks):
        if block.get("type") != "tool_result":
            in_front = False
            continue
        call_id = str(block.get("tool_use_id"))
        if call_id not in called or turn.role != "user":
            raise DispleasedError(
                f"messages.{turn.index}.content.{index}: unexpected `tool_use_id` found in"
                f" `tool_result` blocks: {call_id}. Each `tool_result` block must have a"
                " corresponding `tool_use` block in the previous message."
            )
        if call_id in answered:
            raise DispleasedError(
                f"messages.{turn.index}.content.{index}: each tool_use must have a single result."
                f" Found multiple `tool_result` blocks with id: {call_id}"
            )
        if in_front:
            answered.append(call_id)
    missing = [call_id for call_id in called if call_id not in answered]
    if missing:
        raise DispleasedError(_unanswered(turn.index, missing))


def _results(turns: list[Turn]) -> Iterator[str]:
    for turn in turns:
        for block in turn.blocks:
            if block.get("type") == "tool_result":
                yield " ".join(texts(block.get("content")))
