"""Requests of OpenAI's Responses API, Codex' among them.

Source: platform.openai.com/docs/api-reference/responses/create; `providers.md` 2.2;
`ecosystem.md` 4.1.
"""

from __future__ import annotations

from tests.dialects.bodies.marks import Feature, Json, Marks
from tests.dialects.bodies.openai_chat import schema_of


def base(m: Marks) -> Json:
    """Give the least request; `store` false, for no history is to be kept."""
    return {"model": "gpt-x", "store": False, "input": [_message(m, "user")]}


def _message(m: Marks, role: str, *content: Json) -> Json:
    kind = "output_text" if role == "assistant" else "input_text"
    parts = list(content) or [{"type": kind, "text": m.text()}]
    return {"type": "message", "role": role, "content": parts}


def plain_text(m: Marks, body: Json) -> None:
    body["input"] = m.text()


def instructions(m: Marks, body: Json) -> None:
    body["instructions"] = m.text()


def sampling(m: Marks, body: Json) -> None:
    body |= {"temperature": m.fraction(), "top_p": m.fraction(), "max_output_tokens": 2011}


def penalties(m: Marks, body: Json) -> None:
    body |= {"presence_penalty": m.fraction(), "frequency_penalty": m.fraction()}


def logprobs(m: Marks, body: Json) -> None:
    del m
    body |= {"top_logprobs": 7, "include": ["message.output_text.logprobs"]}


def caller(m: Marks, body: Json) -> None:
    body |= {"user": m.text(), "safety_identifier": m.text(), "metadata": {"k": m.text()}}


def codex(m: Marks, body: Json) -> None:
    tools(m, body)
    body |= {"prompt_cache_key": m.text(), "client_metadata": {"x": m.text()}}
    body |= {"include": ["reasoning.encrypted_content"], "parallel_tool_calls": False}


def others(m: Marks, body: Json) -> None:
    body |= {"service_tier": "flex", "truncation": "auto", "max_tool_calls": m.number()}
    body |= {"prompt_cache_retention": "24h", "x_new": {"deep": m.text()}}
    body |= {"prompt": {"id": m.text(), "version": m.text()}, "background": True}


def reasoning(m: Marks, body: Json) -> None:
    body["reasoning"] = {"effort": "high", "summary": "detailed", "x": m.text()}


def verbosity(m: Marks, body: Json) -> None:
    body["text"] = {"verbosity": "high", "x": m.text()}


def json_mode(m: Marks, body: Json) -> None:
    del m
    body["text"] = {"format": {"type": "json_object"}}


def json_schema(m: Marks, body: Json) -> None:
    spec = {"type": "json_schema", "name": m.text(), "description": m.text(), "strict": True}
    body["text"] = {"format": {**spec, "schema": schema_of(m), "x": m.text()}}


def tools(m: Marks, body: Json) -> None:
    tool = {"type": "function", "name": m.text("f"), "description": m.text(), "strict": True}
    body.setdefault("tools", []).append({**tool, "parameters": schema_of(m), "x": m.text()})


def custom_tool(m: Marks, body: Json) -> None:
    form = {"type": "grammar", "syntax": "lark", "definition": m.text()}
    tool = {"type": "custom", "name": m.text("f"), "description": m.text(), "format": form}
    body.setdefault("tools", []).append(tool)


def native_tools(m: Marks, body: Json) -> None:
    body.setdefault("tools", []).extend(
        [
            {"type": "web_search", "filters": {"allowed_domains": [m.text()]}},
            {"type": "file_search", "vector_store_ids": [m.text()]},
            {"type": "code_interpreter", "container": {"type": "auto", "file_ids": [m.text()]}},
            {"type": "mcp", "server_label": m.text(), "server_url": m.text("https://h/")},
        ]
    )


def namespace(m: Marks, body: Json) -> None:
    inner = {"type": "function", "name": m.text("f"), "parameters": {"type": "object"}}
    tool = {"type": "namespace", "name": m.text("n"), "description": m.text(), "tools": [inner]}
    body.setdefault("tools", []).append(tool)


def choices(m: Marks, body: Json) -> None:
    tools(m, body)
    body["tool_choice"] = {"type": "function", "name": body["tools"][-1]["name"]}


def required(m: Marks, body: Json) -> None:
    tools(m, body)
    body["tool_choice"] = "required"


def system(m: Marks, body: Json) -> None:
    body["input"] = [_message(m, "system"), _message(m, "developer"), *_items(body)]


def _items(body: Json) -> list[Json]:
    items = body["input"]
    return items if isinstance(items, list) else [{"role": "user", "content": items}]


def _add(body: Json, *items: Json) -> None:
    body["input"] = [*_items(body), *items]


def images(m: Marks, body: Json) -> None:
    url = {"type": "input_image", "image_url": m.text("https://h/"), "detail": "high"}
    data = {"type": "input_image", "image_url": f"data:image/png;base64,{m.base64()}"}
    kept = {"type": "input_image", "file_id": m.text(), "x": m.text()}
    _add(body, _message(m, "user", url, data, kept))


def files(m: Marks, body: Json) -> None:
    data = f"data:application/pdf;base64,{m.base64()}"
    pdf = {"type": "input_file", "file_data": data, "filename": m.text()}
    url = {"type": "input_file", "file_url": m.text("https://h/")}
    kept = {"type": "input_file", "file_id": m.text()}
    _add(body, _message(m, "user", pdf, url, kept))


def sounds(m: Marks, body: Json) -> None:
    data = {"data": m.base64(), "format": "mp3"}
    _add(body, _message(m, "user", {"type": "input_audio", "input_audio": data}))


def answered(m: Marks, body: Json) -> None:
    note: Json = {"type": "url_citation", "url": m.text("https://h/"), "title": m.text()}
    note |= {"start_index": 0, "end_index": 2}
    said = {"type": "output_text", "text": m.text(), "annotations": [note]}
    message = _message(m, "assistant", said) | {"id": m.text("msg_"), "status": "completed"}
    _add(body, message | {"phase": m.text()}, _message(m, "user"))


def refused(m: Marks, body: Json) -> None:
    _add(body, _message(m, "assistant", {"type": "refusal", "refusal": m.text()}))
    _add(body, _message(m, "user"))


def thoughts(m: Marks, body: Json) -> None:
    summary = [{"type": "summary_text", "text": m.text()}]
    item = {"type": "reasoning", "id": m.text("rs_"), "summary": summary}
    _add(body, item | {"encrypted_content": m.text()}, _message(m, "assistant"))
    _add(body, _message(m, "user"))


def calls(m: Marks, body: Json) -> None:
    ids = [m.text("call_"), m.text("call_")]
    made: Json = {
        "type": "function_call",
        "name": m.text("f"),
        "arguments": f'{{"q":"{m.text()}"}}',
    }
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{m.base64()}"}
    said = [{"type": "input_text", "text": m.text()}, picture]
    _add(body, made | {"call_id": ids[0], "id": m.text("fc_")}, made | {"call_id": ids[1]})
    _add(body, {"type": "function_call_output", "call_id": ids[0], "output": m.text()})
    _add(body, {"type": "function_call_output", "call_id": ids[1], "output": said})


def custom_calls(m: Marks, body: Json) -> None:
    call = {"type": "custom_tool_call", "call_id": m.text("call_"), "name": m.text("f")}
    answer = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": m.text()}
    _add(body, {**call, "input": m.text()}, answer)


def searched(m: Marks, body: Json) -> None:
    action = {"type": "search", "query": m.text()}
    _add(body, {"type": "web_search_call", "id": m.text("ws_"), "action": action})
    _add(body, {"type": "compaction", "encrypted_content": m.text()}, _message(m, "user"))


FEATURES: tuple[Feature, ...] = (
    *(plain_text, instructions, sampling, penalties, logprobs, caller, codex, others, reasoning),
    *(verbosity, json_mode, json_schema, tools, custom_tool, native_tools, namespace, choices),
    *(required, system, images, files, sounds, answered, refused, thoughts, calls, custom_calls),
    searched,
)
