"""What an answer says, read from its raw frames without any of headgate's decoders.

The same readers serve for recorded answers and for what headgate gave its callers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import Any

import msgspec

Json = dict[str, Any]

# Every vendor's word for the end of an answer, in OpenAI's words.
FINISHES: dict[Any, str] = {
    # OpenAI's family.
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "eos": "stop",
    "eos_token": "stop",
    "model_length": "length",
    "": "stop",
    # Responses.
    "completed": "stop",
    "max_output_tokens": "length",
    # Anthropic and Bedrock.
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "stop",
    "compaction": "stop",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "stop",
    "malformed_tool_use": "stop",
    # Gemini.
    "STOP": "stop",
    "MAX_TOKENS": "length",
    1: "stop",
    2: "length",
    **dict.fromkeys(
        (
            *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"),
            *("IMAGE_SAFETY", "LANGUAGE", "MODEL_ARMOR"),
        ),
        "content_filter",
    ),
    # Cohere.
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "TOOL_CALL": "tool_calls",
    # Ollama.
    "load": "stop",
}


class Meaning(msgspec.Struct, kw_only=True):
    """The things that must survive a translation."""

    text: str = ""
    calls: list[tuple[str, Any]] = []
    finish: str = ""
    prompt: int = 0
    completion: int = 0

    def ended(self, reason: object) -> Meaning:
        """Take the vendor's word for the end."""
        known = isinstance(reason, str | int)
        self.finish = FINISHES.get(reason, "stop") if known else "stop"
        if self.calls and self.finish == "stop":
            self.finish = "tool_calls"
        return self


def frames(response: Json) -> list[Json]:
    """All JSON payloads of a recorded answer, in order."""
    if "ndjson" in response:
        return [msgspec.json.decode(line) for line in response["ndjson"].splitlines() if line]
    if "eventstream" in response:
        return [
            {message["headers"].get(":event-type", ""): message["payload"]}
            for message in response["eventstream"]
        ]
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


def told(body: bytes, *, stream: bool) -> Json:
    """Give an answer of headgate's the shape of a recorded one."""
    return {"sse": body.decode()} if stream else {"body": msgspec.json.decode(body)}


def count(value: object) -> int:
    """Read a count as sanely as headgate does: lies are zero."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return max(int(value), 0)


def arguments_of(text: object) -> Any:
    """Read a call's arguments, which may be text or an object."""
    if not isinstance(text, str):
        return text or {}
    try:
        return msgspec.json.decode(text) if text.strip() else {}
    except msgspec.DecodeError:  # cut short: the model reached its limit
        return text


def openai(response: Json) -> Meaning:
    """Read a chat completion, whole or streamed."""
    meaning, usage = Meaning(), dict[str, Any]()
    calls: list[Json] = []
    reason: object = ""
    for frame in frames(response):
        news = frame.get("usage") or (frame.get("x_groq") or {}).get("usage") or {}
        usage |= {k: v for k, v in news.items() if v is not None}
        for choice in (frame.get("choices") or [])[:1]:
            if choice.get("index") or 0:
                continue
            # Some send both: the delta counts in a stream, the message in a whole answer.
            names = ("delta", "message") if "sse" in response else ("message", "delta")
            said: Json = next((choice[name] for name in names if choice.get(name)), {})
            content = said.get("content")
            if isinstance(content, dict):  # an answer by schema, not as text (Cloudflare)
                content = msgspec.json.encode(content).decode()
            if isinstance(content, list):
                content = "".join(p.get("text") or "" for p in content if p.get("type") == "text")
            meaning.text += (content or "") + (said.get("refusal") or "")
            reason = choice.get("finish_reason") or reason
            pieces = list(said.get("tool_calls") or [])
            if any((said.get("function_call") or {}).values()):
                pieces.append({"index": 0, "function": said["function_call"]})
            for piece in pieces:
                _join_call(calls, piece)
    meaning.calls = [(call["name"], arguments_of(call["arguments"])) for call in calls]
    meaning.prompt = count(usage.get("prompt_tokens"))
    # Some vendors leave the reasoning out of the one count, and in the total.
    total = count(usage.get("total_tokens"))
    meaning.completion = max(count(usage.get("completion_tokens")), total - meaning.prompt)
    return meaning.ended(reason)


def _join_call(calls: list[Json], piece: Json) -> None:
    """Add a piece to its call: by id, else by index; a new name is a new call."""
    function = piece.get("function") or piece.get("custom") or {}
    name, text = function.get("name") or "", function.get("arguments", function.get("input"))
    if isinstance(text, dict):
        text = msgspec.json.encode(text).decode()
    known = [
        call
        for call in calls
        if (piece.get("id") and call["id"] == piece["id"])
        or (not piece.get("id") and call["index"] == piece.get("index") and not name)
        or (not piece.get("id") and call["index"] == piece.get("index") and call["name"] == name)
    ]
    if not known and calls and not name and piece.get("index") is None:
        known = calls[-1:]
    if known:
        known[-1]["arguments"] += text or ""
        return
    calls.append(
        {
            "id": piece.get("id"),
            "index": piece.get("index"),
            "name": name,
            "arguments": text or "",
        }
    )


def responses(response: Json) -> Meaning:
    """Read a response, whole or streamed: the final object says everything.

    ChatGPT's backend leaves the items out of it; they were told one by one before.
    """
    whole: Json = {}
    items: list[Json] = []
    for frame in frames(response):
        if frame.get("type") == "response.output_item.done":
            items.append(frame["item"])
        if frame.get("object") == "response":
            whole = frame
        elif str(frame.get("type")) in (
            "response.completed",
            "response.incomplete",
            "response.failed",
        ):
            whole = frame["response"]
    meaning = Meaning()
    refused = False
    for item in whole.get("output") or items:
        if item["type"] == "message":
            for part in item.get("content") or []:
                meaning.text += part.get("text") or part.get("refusal") or ""
                refused = refused or part.get("type") == "refusal"
        elif item["type"] == "function_call":
            meaning.calls.append((item["name"], arguments_of(item["arguments"])))
        elif item["type"] == "custom_tool_call":
            meaning.calls.append((item["name"], item["input"]))
    usage = whole.get("usage") or {}
    meaning.prompt = count(usage.get("input_tokens"))
    meaning.completion = count(usage.get("output_tokens"))
    details = whole.get("incomplete_details") or {}
    return meaning.ended(details.get("reason") or whole.get("status") or "")


def anthropic(response: Json) -> Meaning:
    """Read a Messages answer, whole or streamed."""
    meaning = Meaning()
    blocks: dict[int, Json] = {}
    usage: Json = {}
    reason = ""
    for frame in frames(response):
        match frame.get("type"):
            case "message":
                blocks = dict(enumerate(frame["content"]))
                usage = frame.get("usage") or {}
                reason = frame["stop_reason"] or ""
            case "message_start":
                blocks = dict(enumerate(frame["message"].get("content") or []))
                usage |= frame["message"].get("usage") or {}
                reason = frame["message"].get("stop_reason") or ""
            case "content_block_start":
                blocks[frame["index"]] = dict(frame["content_block"])
            case "content_block_delta":
                block, delta = blocks[frame["index"]], frame["delta"]
                if "text" in delta:
                    block["text"] = block.get("text", "") + delta["text"]
                if "partial_json" in delta:
                    block["json"] = block.get("json", "") + delta["partial_json"]
            case "message_delta":
                news = {k: v for k, v in (frame.get("usage") or {}).items() if v is not None}
                usage |= news
                reason = frame["delta"].get("stop_reason") or reason
    for block in blocks.values():
        if block["type"] == "text":
            meaning.text += block.get("text", "")
        elif block["type"] == "tool_use":
            arguments = arguments_of(block.get("json") or "")
            meaning.calls.append((block["name"], arguments or block.get("input") or {}))
    meaning.prompt = sum(
        count(usage.get(name))
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    meaning.completion = count(usage.get("output_tokens"))
    return meaning.ended(reason)


def gemini(response: Json) -> Meaning:
    """Read a generateContent answer, whole, streamed or as an array."""
    meaning = Meaning()
    usage: Json = {}
    reason: object = ""
    open_calls: Json = {}
    for frame in frames(response):
        usage = frame.get("usageMetadata") or usage
        for candidate in frame.get("candidates") or []:
            if candidate.get("index") or 0:
                continue
            for part in (candidate.get("content") or {}).get("parts") or []:
                if "functionCall" in part:
                    _gemini_call(meaning, part["functionCall"], open_calls)
                elif "text" in part and not part.get("thought"):
                    meaning.text += part["text"]
            reason = candidate.get("finishReason") or reason
        if frame.get("promptFeedback") and not frame.get("candidates"):
            reason = "SAFETY"
    meaning.prompt = count(usage.get("promptTokenCount")) + count(
        usage.get("toolUsePromptTokenCount")
    )
    meaning.completion = count(usage.get("candidatesTokenCount")) + count(
        usage.get("thoughtsTokenCount")
    )
    return meaning.ended(reason)


def _gemini_call(meaning: Meaning, call: Json, state: Json) -> None:
    """Take a call, whole or in pieces (`partialArgs` with JSON paths, `willContinue`)."""
    if "name" in call:
        state["args"] = dict(call.get("args") or {})
        meaning.calls.append((call["name"], state["args"]))
    for piece in call.get("partialArgs") or []:
        _put(state["args"], piece)


def _put(target: Any, piece: Json) -> None:
    path = piece["jsonPath"].removeprefix("$").replace("[", ".").replace("]", "")
    *before, last = [name for name in path.split(".") if name]
    for place, name in enumerate(before):
        following = [*before, last][place + 1]
        empty: Any = [] if following.isdecimal() else {}
        if isinstance(target, list):
            while len(target) <= int(name):
                target.append(empty)
            target = target[int(name)]
        else:
            target = target.setdefault(name, empty)
    value = next((piece[k] for k in piece if k.endswith("Value") and k != "nullValue"), None)
    if isinstance(target, list):
        if len(target) <= int(last):
            target.append(value)
        elif isinstance(value, str):
            target[int(last)] += value
    elif isinstance(value, str) and isinstance(target.get(last), str):
        target[last] += value
    else:
        target[last] = value


def bedrock(response: Json) -> Meaning:
    """Read a Converse answer, whole or streamed."""
    meaning = Meaning()
    blocks: dict[int, Json] = {}
    usage: Json = {}
    reason = ""
    for frame in frames(response):
        if "output" in frame:
            blocks = dict(enumerate(frame["output"]["message"]["content"]))
            usage, reason = frame.get("usage") or {}, frame.get("stopReason") or ""
        for name, payload in frame.items():
            if name == "contentBlockStart":
                blocks[payload["contentBlockIndex"]] = dict(payload["start"])
            elif name == "contentBlockDelta":
                block = blocks.setdefault(payload["contentBlockIndex"], {})
                delta = payload["delta"]
                if "text" in delta:
                    block["text"] = block.get("text", "") + delta["text"]
                if "toolUse" in delta:
                    block["json"] = block.get("json", "") + delta["toolUse"]["input"]
            elif name == "messageStop":
                reason = payload["stopReason"]
            elif name == "metadata":
                usage = payload.get("usage") or usage
    for block in blocks.values():
        if (block.get("toolUse") or {}).get("type") == "server_tool_use":
            continue  # run by the vendor: nothing for the caller to answer
        if "toolUse" in block:
            arguments = arguments_of(block.get("json") or "")
            call = block["toolUse"]
            meaning.calls.append((call["name"], arguments or call.get("input") or {}))
        elif "citationsContent" in block:
            texts = block["citationsContent"].get("content") or []
            meaning.text += "".join(each.get("text") or "" for each in texts)
        else:
            meaning.text += block.get("text") or ""
    names = ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    meaning.prompt = sum(count(usage.get(name)) for name in names)
    meaning.completion = count(usage.get("outputTokens"))
    return meaning.ended(reason)


def cohere(response: Json) -> Meaning:
    """Read a v2 chat answer, whole or streamed."""
    meaning = Meaning()
    calls: dict[int, list[str]] = {}
    usage: Json = {}
    reason = ""
    for frame in frames(response):
        if "message" in frame:
            message = frame["message"]
            for part in message.get("content") or []:
                meaning.text += part.get("text") or ""
            for index, call in enumerate(message.get("tool_calls") or []):
                function = call["function"]
                calls[index] = [function["name"], function.get("arguments") or ""]
            usage, reason = frame.get("usage") or {}, frame.get("finish_reason") or ""
        delta = frame.get("delta") or {}
        message = delta.get("message") or {}
        match frame.get("type"):
            case "content-start" | "content-delta":
                meaning.text += (message.get("content") or {}).get("text") or ""
            case "tool-call-start" | "tool-call-delta":
                function = message["tool_calls"]["function"]
                call = calls.setdefault(frame["index"], ["", ""])
                call[0] += function.get("name") or ""
                call[1] += function.get("arguments") or ""
            case "message-end":
                usage, reason = delta.get("usage") or {}, delta.get("finish_reason") or ""
    meaning.calls = [(name, arguments_of(text)) for name, text in calls.values()]
    tokens = usage.get("billed_units") or usage.get("tokens") or {}
    meaning.prompt = count(tokens.get("input_tokens"))
    meaning.completion = count(tokens.get("output_tokens"))
    return meaning.ended(reason)


def ollama(response: Json) -> Meaning:
    """Read an answer of /api/chat, whole or streamed."""
    meaning = Meaning()
    reason = ""
    for frame in frames(response):
        message = frame.get("message") or {}
        meaning.text += message.get("content") or ""
        for call in message.get("tool_calls") or []:
            meaning.calls.append(
                (call["function"]["name"], call["function"].get("arguments") or {})
            )
        reason = frame.get("done_reason") or reason
        meaning.prompt = count(frame.get("prompt_eval_count")) or meaning.prompt
        meaning.completion = count(frame.get("eval_count")) or meaning.completion
    return meaning.ended(reason)


READERS: Mapping[str, Callable[[Json], Meaning]] = {
    "openai_chat": openai,
    "openai_responses": responses,
    "anthropic": anthropic,
    "gemini": gemini,
    "bedrock_converse": bedrock,
    "cohere": cohere,
    "ollama": ollama,
}


def _cut_text(got: Any, wanted: Any) -> Any:
    """Take arguments that are no JSON (cut short, or a free text) out of the object around them."""
    if isinstance(wanted, str) and isinstance(got, dict) and list(got.values()) == [wanted]:
        return wanted
    return got


def differences(wanted: Meaning, got: Meaning) -> list[str]:
    """Name what differs."""
    if wanted.finish == "content_filter" and not wanted.text:
        got.text = ""  # headgate may say in words why there is no answer
    got.calls = [
        (name, _cut_text(arguments, known))
        for (name, arguments), (_, known) in zip_longest(got.calls, wanted.calls, fillvalue=("", 0))
        if name
    ]
    return [
        f"{name}: {getattr(wanted, name)!r:.120} became {getattr(got, name)!r:.120}"
        for name in ("text", "calls", "finish", "prompt", "completion")
        if getattr(wanted, name) != getattr(got, name)
    ]
