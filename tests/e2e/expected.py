"""What a recorded answer says, read from its raw frames without any of headgate's decoders."""

from __future__ import annotations

from typing import Any

import msgspec

Json = dict[str, Any]

STOP_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "stop",
    "compaction": "stop",
}
FINISH_REASONS = {"STOP": "stop", "MAX_TOKENS": "length", 1: "stop", 2: "length"}
FILTERED = {
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "LANGUAGE",
    "MODEL_ARMOR",
}


class Meaning(msgspec.Struct, kw_only=True):
    """The four things that must survive a translation."""

    text: str = ""
    calls: list[tuple[str, Any]] = []
    finish: str = ""
    prompt: int = 0
    completion: int = 0


def frames(response: Json) -> list[Json]:
    """All JSON payloads of a recorded answer, in order."""
    if "sse" not in response:
        body = response["body"]
        return body if isinstance(body, list) else [body]
    found = []
    for block in response["sse"].replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in block.split("\n") if line[:5] == "data:"]
        data = "\n".join(lines)
        if data.strip() and data.strip() != "[DONE]":
            found.append(msgspec.json.decode(data))
    return found


def anthropic(response: Json) -> Meaning:
    """Read a Messages answer, whole or streamed."""
    meaning = Meaning()
    blocks: dict[int, Json] = {}
    usage: Json = {}
    for frame in frames(response):
        match frame.get("type"):
            case "message":
                blocks = dict(enumerate(frame["content"]))
                usage = frame.get("usage") or {}
                meaning.finish = frame["stop_reason"] or ""
            case "message_start":
                blocks = dict(enumerate(frame["message"].get("content") or []))
                usage |= frame["message"].get("usage") or {}
                meaning.finish = frame["message"].get("stop_reason") or ""
            case "content_block_start":
                blocks[frame["index"]] = dict(frame["content_block"])
            case "content_block_delta":
                block, delta = blocks[frame["index"]], frame["delta"]
                if "text" in delta:
                    block["text"] = block.get("text", "") + delta["text"]
                if "partial_json" in delta:
                    block["json"] = block.get("json", "") + delta["partial_json"]
            case "message_delta":
                told = {k: v for k, v in (frame.get("usage") or {}).items() if v is not None}
                usage |= told
                meaning.finish = frame["delta"].get("stop_reason") or meaning.finish
    for block in blocks.values():
        if block["type"] == "text":
            meaning.text += block.get("text", "")
        elif block["type"] == "tool_use":
            arguments = msgspec.json.decode(block["json"]) if block.get("json") else None
            meaning.calls.append((block["name"], arguments or block.get("input") or {}))
    meaning.finish = STOP_REASONS.get(meaning.finish, meaning.finish)
    meaning.prompt = sum(
        max(int(usage.get(name) or 0), 0)
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    meaning.completion = int(usage.get("output_tokens") or 0)
    return meaning


def gemini(response: Json) -> Meaning:
    """Read a generateContent answer, whole, streamed or as an array."""
    meaning = Meaning()
    usage: Json = {}
    for frame in frames(response):
        usage = frame.get("usageMetadata") or usage
        for candidate in (frame.get("candidates") or [])[:1]:
            for part in (candidate.get("content") or {}).get("parts") or []:
                if "functionCall" in part and "name" in part["functionCall"]:
                    call = part["functionCall"]
                    meaning.calls.append((call["name"], call.get("args") or {}))
                elif "text" in part and not part.get("thought"):
                    meaning.text += part["text"]
            reason = candidate.get("finishReason")
            if reason:
                meaning.finish = (
                    "content_filter" if reason in FILTERED else FINISH_REASONS.get(reason, "stop")
                )
        if frame.get("promptFeedback") and not frame.get("candidates"):
            meaning.finish = "content_filter"
    meaning.finish = meaning.finish or "stop"
    if meaning.calls and meaning.finish == "stop":
        meaning.finish = "tool_calls"
    meaning.prompt = (usage.get("promptTokenCount") or 0) + (
        usage.get("toolUsePromptTokenCount") or 0
    )
    meaning.completion = (usage.get("candidatesTokenCount") or 0) + (
        usage.get("thoughtsTokenCount") or 0
    )
    return meaning


def openai(body: bytes, *, stream: bool) -> Meaning:
    """Read what headgate gave its caller."""
    meaning = Meaning()
    if stream:
        texts = [line[6:] for line in body.decode().splitlines() if line.startswith("data: ")]
        chunks = [msgspec.json.decode(text) for text in texts if text != "[DONE]"]
    else:
        chunks = [msgspec.json.decode(body)]
    calls: dict[int, list[str]] = {}
    for chunk in chunks:
        if "error" in chunk:
            meaning.finish = f"error: {chunk['error']['message']}"
        usage = chunk.get("usage") or {}
        meaning.prompt = usage.get("prompt_tokens", meaning.prompt)
        meaning.completion = usage.get("completion_tokens", meaning.completion)
        for choice in (chunk.get("choices") or [])[:1]:
            said = choice.get("delta") or choice.get("message") or {}
            meaning.text += said.get("content") or ""
            meaning.finish = choice.get("finish_reason") or meaning.finish
            for place, piece in enumerate(said.get("tool_calls") or []):
                call = calls.setdefault(piece.get("index", place), ["", ""])
                call[0] += piece["function"].get("name") or ""
                call[1] += piece["function"].get("arguments") or ""
    meaning.calls = [
        (name, msgspec.json.decode(text) if text else {}) for name, text in calls.values()
    ]
    return meaning


def differences(wanted: Meaning, got: Meaning) -> list[str]:
    """Name what differs."""
    return [
        f"{name}: {getattr(wanted, name)!r:.120} became {getattr(got, name)!r:.120}"
        for name in ("text", "calls", "finish", "prompt", "completion")
        if getattr(wanted, name) != getattr(got, name)
    ]
