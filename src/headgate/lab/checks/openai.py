"""What chat completions and Cohere's chat demand of a conversation with tools.

Source: platform.openai.com/docs/guides/function-calling, docs.cohere.com/v2/docs/tool-use-overview
"""

from __future__ import annotations

from headgate.lab.checks.finding import DispleasedError, Finding, named
from headgate.lab.wires.cohere import content_texts
from headgate.lab.wires.question import Json, Question, dicts, mapping

ID_MAX = 40
ORPHAN = (
    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with"
    " 'tool_calls'."
)


def examine(question: Question, *, sealed: bool) -> Finding:
    """Look at the history; raises `DispleasedError` where the provider would refuse it.

    This wire has no signatures, so `sealed` asks for nothing more.
    """
    messages = dicts(question.prompt.body.get("messages"))
    open_: list[str] = []
    results = []
    for index, message in enumerate(messages):
        if message.get("role") == "tool":
            call_id = message.get("tool_call_id")
            if call_id not in open_:
                raise DispleasedError(ORPHAN)
            open_.remove(str(call_id))
            results.append(" ".join(content_texts(message)))
            continue
        _check_answered(open_)
        id_max = ID_MAX if question.wire == "openai" else 0
        open_ = _calls(index, message, id_max) if message.get("role") == "assistant" else []
    _check_answered(open_)
    return Finding(tuple(results))


def _check_answered(open_: list[str]) -> None:
    if open_:
        raise DispleasedError(
            "An assistant message with 'tool_calls' must be followed by tool messages responding"
            " to each 'tool_call_id'. The following tool_call_ids did not have response messages:"
            f" {named(open_)}"
        )


def _calls(index: int, message: Json, id_max: int) -> list[str]:
    """The ids that the messages behind must answer."""
    ids: list[str] = []
    for number, call in enumerate(dicts(message.get("tool_calls"))):
        at = f"messages[{index}].tool_calls[{number}]"
        call_id = call.get("id")
        if not isinstance(call_id, str) or not call_id:
            raise DispleasedError(f"Missing required parameter: '{at}.id'.")
        if id_max and len(call_id) > id_max:
            raise DispleasedError(
                f"Invalid '{at}.id': string too long. Expected a string with maximum length"
                f" {id_max}, but got a string with length {len(call_id)} instead."
            )
        if call_id in ids:
            raise DispleasedError(f"Duplicate value for '{at}.id': '{call_id}'.")
        function = mapping(call.get("function"))
        if "function" in call and not isinstance(function.get("arguments"), str):
            raise DispleasedError(f"Invalid type for '{at}.function.arguments': expected a string.")
        ids.append(call_id)
    return ids
