"""What Bedrock's Converse demands of a conversation with tools and Claude's thinking.

Source: docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html,
docs.aws.amazon.com/bedrock/latest/userguide/tool-use-inference-call.html
"""

from __future__ import annotations

import base64
import re
from itertools import pairwise

from headgate.lab.checks import claude
from headgate.lab.checks.finding import DispleasedError, Finding, Turn, named
from headgate.lab.wires.bedrock import result_texts
from headgate.lab.wires.question import Json, Question, dicts, mapping

ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MODEL_SAYS = "The model returned the following errors: "


def examine(question: Question, *, sealed: bool) -> Finding:
    """Look at the history; raises `DispleasedError` where Bedrock would refuse it."""
    body = question.prompt.body
    messages = dicts(body.get("messages"))
    _check_roles(messages)
    called: list[str] = []
    for index, message in enumerate(messages):
        _check_texts(index, message)
        _check_results(index, message, called)
        called = _calls(index, message)
    if called:
        raise DispleasedError(_unanswered(len(messages), called))
    results = _all_results(messages)
    if results and not mapping(body.get("toolConfig")).get("tools"):
        raise DispleasedError(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )
    if sealed:
        _check_thinking(body, messages)
    return Finding(tuple(" ".join(result_texts(result)) for result in results))


def _blocks(message: Json, kind: str) -> list[Json]:
    return [mapping(block[kind]) for block in dicts(message.get("content")) if block.get(kind)]


def _all_results(messages: list[Json]) -> list[Json]:
    return [result for message in messages for result in _blocks(message, "toolResult")]


def _check_roles(messages: list[Json]) -> None:
    roles = [message.get("role") for message in messages]
    if roles[0] != "user":
        raise DispleasedError(
            "A conversation must start with a user message. Try again with a conversation that"
            " starts with a user message."
        )
    if any(first == second for first, second in pairwise(roles)):
        raise DispleasedError(
            "A conversation must alternate between user and assistant roles. Make sure the"
            " conversation alternates between user and assistant roles and try again."
        )


def _check_texts(index: int, message: Json) -> None:
    content = dicts(message.get("content"))
    if not content:
        raise DispleasedError(
            f"The content field in the Message object at messages.{index} is empty. Add a"
            " ContentBlock object to the content field and try again."
        )
    for number, block in enumerate(content):
        if "text" in block and not str(block["text"]).strip():
            raise DispleasedError(
                f"The text field in the ContentBlock object at messages.{index}.content.{number}"
                " is blank. Add text to the text field, and try again."
            )


def _unanswered(index: int, ids: list[str]) -> str:
    at = f"messages.{index}.content"
    return f"Expected toolResult blocks at {at} for the following Ids: {named(ids)}"


def _calls(index: int, message: Json) -> list[str]:
    ids: list[str] = []
    for call in _blocks(message, "toolUse"):
        call_id = str(call.get("toolUseId", ""))
        if not ID.fullmatch(call_id):
            raise DispleasedError(
                f"1 validation error detected: Value '{call_id}' at 'messages.{index + 1}.member."
                "content.member.toolUse.toolUseId' failed to satisfy constraint: Member must"
                " satisfy regular expression pattern: [a-zA-Z0-9_-]+"
            )
        if not isinstance(call.get("input"), dict):
            raise DispleasedError(
                f"The format of the value at messages.{index}.content.toolUse.input is invalid."
                " Provide a json object for the field and try again."
            )
        if message.get("role") != "assistant" or call_id in ids:
            raise DispleasedError(f"messages.{index}: toolUse blocks need ids of their own.")
        ids.append(call_id)
    return ids


def _check_results(index: int, message: Json, called: list[str]) -> None:
    ids = [str(result.get("toolUseId")) for result in _blocks(message, "toolResult")]
    if len(ids) > len(called):
        raise DispleasedError(
            f"The number of toolResult blocks at messages.{index}.content exceeds the number of"
            " toolUse blocks of previous turn."
        )
    missing = [call_id for call_id in called if call_id not in ids]
    if missing:
        raise DispleasedError(_unanswered(index, missing))


def _check_thinking(body: Json, messages: list[Json]) -> None:
    """Look at the thinking as Claude does, which sees its own blocks."""
    thinking = mapping(mapping(body.get("additionalModelRequestFields")).get("thinking"))
    settings = mapping(body.get("inferenceConfig"))
    choice = mapping(mapping(body.get("toolConfig")).get("toolChoice"))
    turns = [
        Turn(index, str(message.get("role")), [_as_claude(b) for b in dicts(message["content"])])
        for index, message in enumerate(messages)
    ]
    try:
        claude.check_settings(
            thinking,
            settings.get("maxTokens"),
            settings.get("temperature"),
            forced="any" in choice or "tool" in choice,
        )
        claude.check_thinking(turns, enabled=thinking.get("type") == "enabled")
    except DispleasedError as displeased:
        raise DispleasedError(MODEL_SAYS + displeased.fault.message) from displeased


def _unwrapped(data: object) -> str:
    try:
        return base64.b64decode(str(data), validate=True).decode()
    except ValueError:
        return ""


def _as_claude(block: Json) -> Json:
    match block:
        case {"reasoningContent": {"reasoningText": {"text": text, **rest}}}:
            return {"type": "thinking", "thinking": text, "signature": rest.get("signature")}
        case {"reasoningContent": {"redactedContent": data}}:
            return {"type": "redacted_thinking", "data": _unwrapped(data)}
        case {"toolUse": _}:
            return {"type": "tool_use"}
        case {"toolResult": _}:
            return {"type": "tool_result"}
        case _:
            return {"type": "text"}
