"""What Gemini 3 demands of a conversation with functions: their order, and thought signatures.

Source: ai.google.dev/gemini-api/docs/function-calling,
ai.google.dev/gemini-api/docs/thought-signatures
"""

from __future__ import annotations

import base64

from msgspec import json

from headgate.lab.checks.finding import DispleasedError, Finding
from headgate.lab.wires import seals
from headgate.lab.wires.gemini import call_text
from headgate.lab.wires.question import Json, Question, dicts, mapping

# What Google's documentation offers to those whose history another model made; its own clients
# write it in base64, as they do with any bytes.
_MARKS = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
BYPASSES = (*_MARKS, *(base64.b64encode(mark.encode()).decode() for mark in _MARKS))
STANDARD = str.maketrans("-_", "+/")
MISSING = (
    "Function call is missing a thought_signature in functionCall parts. This is required for"
    " tools to work correctly, and missing thought_signature may lead to degraded model"
    " performance. Additional data, function call `default_api:{}` , position {}. Please refer to"
    " https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
)


def examine(question: Question, *, sealed: bool) -> Finding:
    """Look at the history; raises `DispleasedError` where Gemini would refuse it."""
    contents = dicts(question.prompt.body.get("contents"))
    called: list[Json] = []
    for index, content in enumerate(contents):
        _check_responses(index, content, called)
        called = _check_calls(contents, index)
    if called:
        raise DispleasedError(
            "Please ensure that function response turn comes immediately after a function call"
            " turn. And the number of function response parts should be equal to number of"
            " function call parts of the function call turn."
        )
    bypassed = _check_signatures(contents) if sealed else 0
    results = (part for content in contents for part in _parts(content, "functionResponse"))
    return Finding(
        tuple(json.encode(part.get("response")).decode() for part in results), bypassed=bypassed
    )


def _parts(content: Json, kind: str) -> list[Json]:
    return [mapping(part[kind]) for part in dicts(content.get("parts")) if kind in part]


def _check_calls(contents: list[Json], index: int) -> list[Json]:
    """Give the calls of a content, which must follow the user or a response."""
    calls = _parts(contents[index], "functionCall")
    before = contents[index - 1].get("role", "user") if index else ""
    if calls and before not in ("user", "function"):
        raise DispleasedError(
            "Please ensure that function call turn comes immediately after a user turn or after a"
            " function response turn."
        )
    for call in calls:
        if not isinstance(call.get("args", {}), dict):
            raise DispleasedError(_not_an_object(f"contents[{index}].parts.function_call.args"))
    return calls


def _not_an_object(at: str) -> str:
    return f"Invalid value at '{at}' (type.googleapis.com/google.protobuf.Struct)"


def _check_responses(index: int, content: Json, called: list[Json]) -> None:
    responses = _parts(content, "functionResponse")
    if len(responses) != len(called):
        raise DispleasedError(
            "Please ensure that the number of function response parts is equal to the number of"
            " function call parts of the function call turn."
        )
    for call, response in zip(called, responses, strict=True):
        at = f"contents[{index}].parts.function_response"
        if not response.get("name"):
            raise DispleasedError(f"GenerateContentRequest.{at}.name: Name cannot be empty.")
        if response["name"] != call.get("name"):
            raise DispleasedError(
                f"GenerateContentRequest.{at}.name: Expected the response of"
                f" `{call.get('name')}`, but found that of `{response['name']}`."
            )
        if not isinstance(response.get("response"), dict):
            raise DispleasedError(_not_an_object(f"{at}.response"))


def _signature(part: Json) -> str | None:
    """A call's signature, in the alphabet of the lab: JSON bytes may come in either."""
    signature = part.get("thoughtSignature") or part.get("thought_signature")
    if not signature:
        return None
    return str(signature) if signature in BYPASSES else str(signature).translate(STANDARD)


def _is_question(content: Json) -> bool:
    """Whether a content begins a new turn: it is the user's, and no function response."""
    return content.get("role", "user") == "user" and not _parts(content, "functionResponse")


def _check_signatures(contents: list[Json]) -> int:
    """Raise where one is missing or wrong; give the number of bypasses."""
    asked = max((i for i, content in enumerate(contents) if _is_question(content)), default=0)
    bypassed = 0
    for index, content in enumerate(contents):
        parts = [part for part in dicts(content.get("parts")) if "functionCall" in part]
        for number, part in enumerate(parts):
            call, signature = mapping(part["functionCall"]), _signature(part)
            if signature is None:
                # Later calls of one step carry none, and earlier turns are no longer checked.
                if number == 0 and index > asked:
                    raise DispleasedError(MISSING.format(call.get("name"), index + 1))
            elif signature in BYPASSES:
                bypassed += 1
            elif not seals.is_seal(seals.GEMINI, call_text(call), signature):
                raise DispleasedError("Corrupted thought signature.")
    return bypassed
