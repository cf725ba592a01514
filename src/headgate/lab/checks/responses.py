"""What OpenAI's Responses demands of its input: calls with outputs, reasoning that is its own.

Source: platform.openai.com/docs/guides/reasoning, platform.openai.com/docs/guides/function-calling
"""

from __future__ import annotations

from headgate.lab.checks.finding import DispleasedError, Finding
from headgate.lab.wires import seals
from headgate.lab.wires.question import Json, Question
from headgate.lab.wires.responses_read import OUTPUTS, items, output_texts

CALLS = ("function_call", "custom_tool_call")
CALL_ID_MAX = 64
ID_MARKS = {"function_call": "fc", "custom_tool_call": "ctc", "reasoning": "rs"}
ENCRYPTED = ("reasoning", "compaction")
NOT_KEPT = (
    "Item with id '{}' not found. Items are not persisted when `store` is set to false. Try again"
    " with `store` set to true, or remove this item from your input."
)


def examine(question: Question, *, sealed: bool) -> Finding:
    """Look at the input; raises `DispleasedError` where OpenAI would refuse it."""
    given = items(question.prompt.body.get("input"))
    _check_calls(given)
    if question.unknown:
        raise DispleasedError(NOT_KEPT.format(question.unknown[0]), status=404)
    if sealed:
        _check_encrypted(given)
        _check_reasoning(given)
    outputs = [item for item in given if item.get("type") in OUTPUTS]
    return Finding(tuple(" ".join(output_texts(item)) for item in outputs))


def _check_calls(given: list[Json]) -> None:
    """Raise unless each call has its output behind it."""
    open_: list[str] = []
    answered: set[str] = set()
    for index, item in enumerate(given):
        _check_id(index, item)
        kind = item.get("type")
        if kind not in (*CALLS, *OUTPUTS):
            continue
        call_id = _call_id(index, item)
        if kind in CALLS:
            open_.append(call_id)
            answered.discard(call_id)
        elif call_id in open_:
            open_.remove(call_id)
            answered.add(call_id)
        elif call_id not in answered:
            message = f"No tool call found for function call output with call_id {call_id}."
            raise DispleasedError(message)
    if open_:
        raise DispleasedError(f"No tool output found for function call {open_[0]}.")


def _check_id(index: int, item: Json) -> None:
    mark = ID_MARKS.get(str(item.get("type")))
    name = item.get("id")
    if mark is not None and isinstance(name, str) and not name.startswith(mark):
        raise DispleasedError(
            f"Invalid 'input[{index}].id': '{name}'. Expected an ID that begins with '{mark}'."
        )


def _call_id(index: int, item: Json) -> str:
    call_id = item.get("call_id")
    if not isinstance(call_id, str) or not call_id:
        raise DispleasedError(f"Missing required parameter: 'input[{index}].call_id'.")
    if len(call_id) > CALL_ID_MAX:
        raise DispleasedError(
            f"Invalid 'input[{index}].call_id': string too long. Expected a string with maximum"
            f" length {CALL_ID_MAX}, but got a string with length {len(call_id)} instead."
        )
    return call_id


def _check_encrypted(given: list[Json]) -> None:
    for item in given:
        content = item.get("encrypted_content")
        if item.get("type") not in ENCRYPTED or not content:
            continue
        if seals.opened(seals.OPENAI, content) is None:
            text = str(content)
            raise DispleasedError(
                f"The encrypted content {text[:4]}...{text[-4:]} could not be verified. Reason:"
                " Encrypted content could not be decrypted or parsed.",
                code="invalid_encrypted_content",
            )


def _check_reasoning(given: list[Json]) -> None:
    """Raise where reasoning and the call that it led to have been separated."""
    reasoned = False
    for index, item in enumerate(given):
        kind = item.get("type")
        if kind == "reasoning":
            reasoned = True
            follows = given[index + 1].get("type", "message") if index + 1 < len(given) else ""
            if follows not in (*CALLS, "message", "reasoning"):
                raise DispleasedError(
                    f"Item '{item.get('id')}' of type 'reasoning' was provided without its"
                    " required following item."
                )
        elif kind in CALLS:
            name = str(item.get("id", ""))
            number = name.removeprefix("fc_lab_").partition("_")[0]
            if name.startswith("fc_lab_") and not reasoned:
                raise DispleasedError(
                    f"Item '{name}' of type 'function_call' was provided without its required"
                    f" 'reasoning' item: 'rs_lab_{number}'."
                )
        else:
            reasoned = False
