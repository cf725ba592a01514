"""OpenAI's legacy text completions.

Source: platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from msgspec import json

from headgate.lab.wires import openai
from headgate.lab.wires.question import Answer, Json, Prompt, Question, whole_number
from headgate.lab.wires.wire import Wire


def read(body: Json) -> Prompt:
    """Read a completions request: a prompt, or several."""
    prompt = body.get("prompt")
    texts = [prompt] if isinstance(prompt, str) else prompt if isinstance(prompt, list) else []
    known = tuple(text for text in texts if isinstance(text, str))
    return Prompt(
        model=str(body.get("model") or ""),
        stream=body.get("stream") is True,
        include_usage=openai.wants_usage(body),
        choices=openai.choices(body),
        max_tokens=whole_number(body.get("max_tokens")),
        texts=known,
        last_text=known[-1] if known else "",
        body=body,
        problem="" if texts else "Missing required parameter: 'prompt'.",
    )


def _head(question: Question) -> Json:
    return {
        "id": f"cmpl-lab-{question.number}",
        "object": "text_completion",
        "created": openai.CREATED,
        "model": question.model,
    }


def _choices(question: Question, text: str, finish: str | None) -> list[Json]:
    return [
        {"index": index, "text": text, "logprobs": None, "finish_reason": finish}
        for index in range(question.prompt.choices)
    ]


def whole(question: Question, answer: Answer) -> bytes:
    """Spell a text completion."""
    finish = openai.FINISHES[answer.finish]
    reply = _head(question) | {"choices": _choices(question, answer.text, finish)}
    counts = openai.usage(answer)
    return json.encode(reply if counts is None else reply | {"usage": counts})


def frames(question: Question, answer: Answer) -> list[bytes]:
    """Spell a text completion as a stream."""
    head = _head(question)
    finish = openai.FINISHES[answer.finish]
    steps = [*((piece, None) for piece in answer.pieces), ("", finish)]
    pieces = [
        openai.frame(head | {"choices": _choices(question, text, end)}) for text, end in steps
    ]
    counts = openai.usage(answer)
    if question.prompt.include_usage and counts is not None:
        pieces.append(openai.frame(head | {"choices": [], "usage": counts}))
    return [*pieces, openai.DONE]


OPENAI_COMPLETIONS = Wire(
    name="openai_completions",
    read=read,
    whole=whole,
    frames=frames,
    error=openai.error,
    error_frame=openai.error_frame,
    last_frame=openai.DONE,
)
