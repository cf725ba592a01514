"""Gemini generateContent.

Source: ai.google.dev/api/generate-content
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import json

from headgate.lab.wires import seals
from headgate.lab.wires.question import (
    Answer,
    Call,
    Fault,
    Json,
    Prompt,
    Question,
    Tool,
    dicts,
    mapping,
    size_of,
    tell,
    whole_number,
)
from headgate.lab.wires.wire import Wire

CANDIDATES_MAX = 8
# Google's own client spells the second one with underscores.
SCHEMAS = ("parameters", "parametersJsonSchema", "parameters_json_schema")
SIGNATURE = "bGFiLXNpZ25hdHVyZQ=="
FINISH_REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "tool": "STOP"}
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    529: "UNAVAILABLE",
}


def read(body: Json) -> Prompt:
    """Read a generateContent request; model and streaming stand in its path."""
    contents = dicts(body.get("contents"))
    parts = [part for content in contents for part in dicts(content.get("parts"))]
    last = dicts(contents[-1].get("parts")) if contents else []
    settings = mapping(body.get("generationConfig"))
    system = mapping(body.get("systemInstruction"))
    return Prompt(
        choices=max(1, min(whole_number(settings.get("candidateCount")) or 1, CANDIDATES_MAX)),
        max_tokens=whole_number(settings.get("maxOutputTokens")),
        texts=(
            *_texts(dicts(system.get("parts"))),
            *_texts(parts),
        ),
        last_text=" ".join(_texts(last)),
        tool_result=_tool_result(last),
        tools=_tools(body),
        media=tuple(note for part in parts for note in _media(part)),
        body=body,
        problem=_problem(contents),
    )


def _problem(contents: list[Json]) -> str:
    if not contents:
        return "* GenerateContentRequest.contents: contents is not specified"
    if any(
        content.get("role", "user") not in ("user", "model", "function") for content in contents
    ):
        return "Please use a valid role: user, model."
    return ""


def _texts(parts: list[Json]) -> tuple[str, ...]:
    return tuple(part["text"] for part in parts if isinstance(part.get("text"), str))


def _tool_result(parts: list[Json]) -> str | None:
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    if not results:
        return None
    return " ".join(
        json.encode(result.get("response")).decode()
        for result in results
        if isinstance(result, dict)
    )


def _tools(body: Json) -> tuple[Tool, ...]:
    tools = tuple(
        Tool(
            str(function.get("name", "")),
            mapping(next(filter(None, map(function.get, SCHEMAS)), None)),
        )
        for tool in dicts(body.get("tools"))
        for function in dicts(tool.get("functionDeclarations"))
    )
    match body.get("toolConfig"):
        case {"functionCallingConfig": {"mode": "NONE"}}:
            return ()
        case {"functionCallingConfig": {"allowedFunctionNames": list(names)}} if names:
            return tuple(tool for tool in tools if tool.name in names)
        case _:
            return tools


def _media(part: Json) -> Iterator[str]:
    match part:
        case {"inlineData": {"mimeType": str(kind), "data": data}}:
            yield f"{kind} {size_of(data)}"
        case {"fileData": {"fileUri": str(uri)}}:
            yield f"file {uri}"


def _usage(answer: Answer) -> Json | None:
    """Spell usageMetadata; thoughts are counted beside the candidates, not inside."""
    if answer.usage is None:
        return None
    used = answer.usage
    counts: Json = {
        "promptTokenCount": used.prompt,
        "candidatesTokenCount": used.output,
        "totalTokenCount": used.prompt + used.output + used.reasoning,
    }
    if used.cached:
        counts["cachedContentTokenCount"] = used.cached
    if used.reasoning:
        counts["thoughtsTokenCount"] = used.reasoning
    return tell(counts, answer.lie)


def _parts(answer: Answer) -> list[Json]:
    """Each piece as a part; a call comes whole, with the signature that must come back.

    True signatures stand on the first of parallel calls alone, as Gemini 3 has it.
    """
    return [
        *({"text": piece, "thought": True} for piece in answer.thinking),
        *({"text": piece} for piece in answer.pieces),
        *(_call(answer, index, call) for index, call in enumerate(answer.calls)),
    ]


def call_text(call: Json) -> str:
    """What a call's signature signs: its name and arguments, whatever their order."""
    arguments = json.encode(call.get("args", {}), order="sorted").decode()
    return f"{call.get('name')} {arguments}"


def _call(answer: Answer, index: int, call: Call) -> Json:
    spoken: Json = {"name": call.name, "args": call.arguments}
    if not answer.sealed:
        return {"functionCall": spoken, "thoughtSignature": SIGNATURE}
    if index:
        return {"functionCall": spoken}
    signature = seals.seal(seals.GEMINI, call_text(spoken))
    return {"functionCall": spoken, "thoughtSignature": signature}


def _reply(question: Question, parts: list[Json], finish: str | None, counts: Json | None) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": parts}}
    if finish is not None:
        candidate["finishReason"] = finish
    reply: Json = {
        "candidates": [candidate | {"index": index} for index in range(question.prompt.choices)],
        "modelVersion": question.model,
        "responseId": f"lab-{question.number}",
    }
    return reply if counts is None else reply | {"usageMetadata": counts}


def whole(question: Question, answer: Answer) -> bytes:
    """Spell a reply, neighbouring pieces of text as one part."""
    joined = Answer(
        pieces=(answer.text,) if answer.pieces or not answer.calls else (),
        thinking=(answer.thought,) if answer.thinking else (),
        calls=answer.calls,
        sealed=answer.sealed,
    )
    finish = FINISH_REASONS[answer.finish]
    return json.encode(_reply(question, _parts(joined), finish, _usage(answer)))


def frames(question: Question, answer: Answer) -> list[bytes]:
    """Spell a reply as a stream: as SSE, or as the elements of a JSON array."""
    parts = _parts(answer) or [{"text": ""}]
    counts = _usage(answer)
    replies = [_reply(question, [part], None, counts) for part in parts[:-1]]
    replies.append(_reply(question, parts[-1:], FINISH_REASONS[answer.finish], counts))
    if not question.as_array:
        return [b"data: " + json.encode(reply) + b"\r\n\r\n" for reply in replies]
    elements = [b",\r\n" + json.encode(reply) for reply in replies]
    elements[0] = b"[" + elements[0].removeprefix(b",\r\n")
    return [*elements, b"]"]


def _error_body(fault: Fault) -> Json:
    status = STATUSES.get(fault.status, "INVALID_ARGUMENT" if fault.status < 500 else "INTERNAL")
    return {"error": {"code": fault.status, "message": fault.message, "status": status}}


def error(fault: Fault) -> bytes:
    """Spell an error."""
    return json.encode(_error_body(fault))


def error_frame(question: Question, fault: Fault) -> bytes:
    """Spell an error inside a stream, as the next element where that is an array."""
    if question.as_array:
        return b",\r\n" + error(fault)
    return b"data: " + error(fault) + b"\r\n\r\n"


GEMINI = Wire(
    name="gemini",
    read=read,
    whole=whole,
    frames=frames,
    error=error,
    error_frame=error_frame,
    last_frame=b"",
)
