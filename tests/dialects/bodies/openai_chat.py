"""Requests of OpenAI's Chat Completions, and of the vendors that have added to it.

Source: platform.openai.com/docs/api-reference/chat/create; `providers.md` 2.1 and 5;
`ecosystem.md` 4.1.
"""

from __future__ import annotations

from tests.dialects.bodies.marks import Feature, Json, Marks


def base(m: Marks) -> Json:
    """Give the least request."""
    return {"model": "gpt-x", "messages": [{"role": "user", "content": m.text()}]}


def _say(body: Json, role: str, content: object, **more: object) -> None:
    body["messages"].append({"role": role, "content": content, **more})


def _user(body: Json, *blocks: Json) -> None:
    _say(body, "user", list(blocks))


def sampling(m: Marks, body: Json) -> None:
    body |= {"temperature": m.fraction(), "top_p": m.fraction(), "top_k": 43, "min_p": m.fraction()}


def penalties(m: Marks, body: Json) -> None:
    body |= {"presence_penalty": m.fraction(), "frequency_penalty": m.fraction()}


def limits(m: Marks, body: Json) -> None:
    body |= {"max_completion_tokens": 2011, "n": 2, "seed": m.number()}


def stop_words(m: Marks, body: Json) -> None:
    body["stop"] = [m.text(), m.text()]


def stop_word(m: Marks, body: Json) -> None:
    body["stop"] = m.text()


def old_limit(m: Marks, body: Json) -> None:
    del m
    body["max_tokens"] = 2013


def bias(m: Marks, body: Json) -> None:
    body["logit_bias"] = {"50256": m.fraction()}


def logprobs(m: Marks, body: Json) -> None:
    del m
    body |= {"logprobs": True, "top_logprobs": 7}


def caller(m: Marks, body: Json) -> None:
    body |= {"user": m.text(), "safety_identifier": m.text()}


def metadata(m: Marks, body: Json) -> None:
    body["metadata"] = {m.text("k"): m.text(), "b": m.text()}


def tier(m: Marks, body: Json) -> None:
    del m
    body["service_tier"] = "flex"


def cache_key(m: Marks, body: Json) -> None:
    body |= {"prompt_cache_key": m.text(), "prompt_cache_retention": "24h"}


def store(m: Marks, body: Json) -> None:
    del m
    body["store"] = True


def prediction(m: Marks, body: Json) -> None:
    body["prediction"] = {"type": "content", "content": [{"type": "text", "text": m.text()}]}


def web_search(m: Marks, body: Json) -> None:
    place = {"city": m.text(), "country": m.text(), "region": m.text(), "timezone": m.text()}
    body["web_search_options"] = {
        "search_context_size": "high",
        "user_location": {"type": "approximate", "approximate": place},
    }


def verbosity(m: Marks, body: Json) -> None:
    del m
    body["verbosity"] = "high"


def spoken(m: Marks, body: Json) -> None:
    body |= {"modalities": ["text", "audio"], "audio": {"voice": m.text(), "format": "opus"}}


def custom_voice(m: Marks, body: Json) -> None:
    body |= {"modalities": ["text", "audio"], "audio": {"voice": {"id": m.text()}, "format": "wav"}}


def effort(m: Marks, body: Json) -> None:
    del m
    body["reasoning_effort"] = "high"


def odd_effort(m: Marks, body: Json) -> None:
    body["reasoning_effort"] = m.text()


def openrouter_reasoning(m: Marks, body: Json) -> None:
    body["reasoning"] = {"max_tokens": 3001, "exclude": True, "summary": m.text()}


def vendor_thinking(m: Marks, body: Json) -> None:
    body["thinking"] = {"type": "enabled", "budget_tokens": 3003, "x": m.text()}


def qwen_thinking(m: Marks, body: Json) -> None:
    del m
    body["thinking_budget"] = 3005


def switched_on(m: Marks, body: Json) -> None:
    del m
    body["enable_thinking"] = True


def no_thinking(m: Marks, body: Json) -> None:
    del m
    body["enable_thinking"] = False


def stream_options(m: Marks, body: Json) -> None:
    body |= {"stream": True, "stream_options": {"include_obfuscation": False, "x": m.text()}}


def schema_of(m: Marks) -> Json:
    """Give a JSON Schema with what vendors' subsets know and do not know."""
    return {
        "type": "object",
        "title": m.text(),
        "description": m.text(),
        "properties": {
            m.text("p"): {
                "type": "string",
                "description": m.text(),
                "pattern": m.text(),
                "minLength": m.number(),
            },
            "count": {"type": "integer", "minimum": m.number(), "exclusiveMaximum": m.number()},
            "kind": {"enum": [m.text(), m.text()]},
            "list": {"type": "array", "items": {"type": "number", "multipleOf": m.number()}},
            "ref": {"$ref": "#/$defs/thing"},
            "either": {"anyOf": [{"type": "string", "const": m.text()}, {"type": "null"}]},
        },
        "required": ["count"],
        "additionalProperties": {"type": "string", "description": m.text()},
        "$defs": {"thing": {"type": "object", "properties": {"deep": {"description": m.text()}}}},
    }


def json_mode(m: Marks, body: Json) -> None:
    body["response_format"] = {"type": "json_object", "x": m.text()}


def json_schema(m: Marks, body: Json) -> None:
    spec = {"name": m.text(), "description": m.text(), "schema": schema_of(m), "strict": True}
    body["response_format"] = {"type": "json_schema", "json_schema": spec | {"x": m.text()}}


def odd_format(m: Marks, body: Json) -> None:
    body["response_format"] = {"type": "grammar", "grammar": m.text()}


def tools(m: Marks, body: Json) -> None:
    function = {"name": m.text("f"), "description": m.text(), "parameters": schema_of(m)}
    body.setdefault("tools", []).append(
        {"type": "function", "function": {**function, "strict": True, "x": m.text()}, "y": m.text()}
    )


def marked_tool(m: Marks, body: Json) -> None:
    function = {"name": m.text("f"), "parameters": {"type": "object", "properties": {}}}
    body.setdefault("tools", []).append(
        {"type": "function", "function": function, "cache_control": {"type": "ephemeral"}}
    )


def custom_tool(m: Marks, body: Json) -> None:
    grammar = {"syntax": "lark", "definition": m.text()}
    custom = {"name": m.text("f"), "description": m.text()}
    body.setdefault("tools", []).append(
        {
            "type": "custom",
            "custom": {**custom, "format": {"type": "grammar", "grammar": grammar}, "x": m.text()},
            "y": m.text(),
        }
    )


def native_tool(m: Marks, body: Json) -> None:
    body.setdefault("tools", []).append({"type": "web_search", "web_search": {"x": m.text()}})


def tool_choices(choice: str | Json) -> Feature:
    def feature(m: Marks, body: Json) -> None:
        tools(m, body)
        name = body["tools"][-1]["function"]["name"]
        body["tool_choice"] = _named(choice, name)

    feature.__name__ = f"tool_choice_{choice if isinstance(choice, str) else choice['type']}"
    return feature


def _named(choice: object, name: str) -> object:
    if isinstance(choice, dict):
        return {key: _named(value, name) for key, value in choice.items()}
    if isinstance(choice, list):
        return [_named(value, name) for value in choice]
    return name if choice == "NAME" else choice


def odd_tool_choice(m: Marks, body: Json) -> None:
    tools(m, body)
    body["tool_choice"] = {"type": "web_search", "x": m.text()}


def one_at_a_time(m: Marks, body: Json) -> None:
    tools(m, body)
    body["parallel_tool_calls"] = False


def old_functions(m: Marks, body: Json) -> None:
    name = m.text("f")
    body["functions"] = [
        {"name": name, "description": m.text(), "parameters": schema_of(m), "x": m.text()}
    ]
    body["function_call"] = {"name": name}


def unknown_field(m: Marks, body: Json) -> None:
    body["x_vendor"] = {"deep": [m.text(), m.number()]}


def system(m: Marks, body: Json) -> None:
    marked = {"type": "text", "text": m.text(), "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    body["messages"].insert(0, {"role": "system", "content": [marked], "name": m.text()})


def developer(m: Marks, body: Json) -> None:
    body["messages"].insert(0, {"role": "developer", "content": m.text()})


def late_system(m: Marks, body: Json) -> None:
    _say(body, "system", m.text())
    _say(body, "user", m.text(), name=m.text())


def answered(m: Marks, body: Json) -> None:
    _say(body, "assistant", m.text(), x=m.text())
    _say(body, "user", m.text(), cache_control={"type": "ephemeral"})


def annotated(m: Marks, body: Json) -> None:
    link = {"url": m.text("https://h/"), "title": m.text(), "start_index": 0, "end_index": 2}
    note = {"type": "url_citation", "url_citation": link}
    _say(body, "assistant", m.text(), annotations=[note])
    _say(body, "user", m.text())


def images(m: Marks, body: Json) -> None:
    url = {"url": m.text("https://h/"), "detail": "high", "x": m.text()}
    data = {"url": f"data:image/png;base64,{m.base64()}"}
    _user(body, {"type": "image_url", "image_url": url}, {"type": "image_url", "image_url": data})


def mistral_image(m: Marks, body: Json) -> None:
    _user(body, {"type": "image_url", "image_url": m.text("https://h/")})


def sounds(m: Marks, body: Json) -> None:
    data = {"data": m.base64(), "format": "mp3", "x": m.text()}
    _user(body, {"type": "input_audio", "input_audio": data})


def files(m: Marks, body: Json) -> None:
    pdf = {"file_data": f"data:application/pdf;base64,{m.base64()}", "filename": m.text()}
    plain = {"file_data": f"data:text/plain;base64,{m.base64()}", "filename": m.text()}
    kept = {"file_id": m.text(), "x": m.text()}
    _user(
        body,
        {"type": "file", "file": pdf},
        {"type": "file", "file": plain},
        {"type": "file", "file": kept, "cache_control": {"type": "ephemeral"}},
    )


def twofold_file(m: Marks, body: Json) -> None:
    file = {"file_id": m.text(), "file_data": m.base64(), "filename": m.text()}
    _user(body, {"type": "file", "file": file})


def video(m: Marks, body: Json) -> None:
    _user(
        body, {"type": "video_url", "video_url": {"url": m.text("https://h/"), "fps": m.number()}}
    )


def odd_blocks(m: Marks, body: Json) -> None:
    _user(
        body,
        {"type": "text", "text": m.text(), "x": m.text()},
        {"type": "odd", "odd": {"deep": m.text()}},
    )


def refused(m: Marks, body: Json) -> None:
    _say(body, "assistant", None, refusal=m.text())
    _say(body, "assistant", [{"type": "refusal", "refusal": m.text()}])
    _say(body, "user", m.text())


def said_aloud(m: Marks, body: Json) -> None:
    _say(body, "assistant", None, audio={"id": m.text(), "x": m.text()})
    _say(body, "user", m.text())


def drawn(m: Marks, body: Json) -> None:
    image = {"type": "image_url", "image_url": {"url": m.text("https://h/")}, "x": m.text()}
    _say(body, "assistant", m.text(), images=[image])
    _say(body, "user", m.text())


def calls(m: Marks, body: Json) -> None:
    ids = [m.text("call_"), m.text("call_")]
    made: list[Json] = [
        {"id": ids[0], "type": "function", "function": {"name": m.text("f"), "arguments": "{}"}},
        {
            "id": ids[1],
            "type": "function",
            "function": {"name": m.text("f"), "arguments": f'{{"q": "{m.text()}"}}', "x": m.text()},
            "y": m.text(),
        },
    ]
    _say(body, "assistant", m.text(), tool_calls=made)
    _say(body, "tool", m.text(), tool_call_id=ids[0])
    _say(body, "tool", [{"type": "text", "text": m.text()}], tool_call_id=ids[1], x=m.text())
    _say(body, "user", m.text())


def broken_arguments(m: Marks, body: Json) -> None:
    call_id = m.text("call_")
    function = {"name": m.text("f"), "arguments": m.text("{")}
    _say(body, "assistant", None, tool_calls=[{"id": call_id, "function": function}])
    _say(body, "tool", m.text(), tool_call_id=call_id, name=m.text())


def signed_call(m: Marks, body: Json) -> None:
    call_id = m.text("call_")
    function = {"name": m.text("f"), "arguments": "{}"}
    extra = {"google": {"thought_signature": m.text()}}
    _say(
        body,
        "assistant",
        None,
        tool_calls=[{"id": call_id, "function": function, "extra_content": extra}],
    )
    _say(body, "tool", m.text(), tool_call_id=call_id)


def tool_sees(m: Marks, body: Json) -> None:
    call_id = m.text("call_")
    function = {"name": m.text("f"), "arguments": "{}"}
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{m.base64()}"}}
    _say(body, "assistant", None, tool_calls=[{"id": call_id, "function": function}])
    content = [{"type": "text", "text": m.text()}, image]
    _say(body, "tool", content, tool_call_id=call_id, cache_control={"type": "ephemeral"})


def custom_call(m: Marks, body: Json) -> None:
    call_id = m.text("call_")
    custom = {"name": m.text("f"), "input": m.text()}
    made = [{"id": call_id, "type": "custom", "custom": custom}]
    _say(body, "assistant", None, tool_calls=made)
    _say(body, "tool", m.text(), tool_call_id=call_id)


def old_call(m: Marks, body: Json) -> None:
    name = m.text("f")
    called = {"name": name, "arguments": f'{{"q": "{m.text()}"}}'}
    _say(body, "assistant", None, function_call=called)
    _say(body, "function", m.text(), name=name)


def thoughts(m: Marks, body: Json) -> None:
    _say(body, "assistant", m.text(), reasoning_content=m.text())
    _say(body, "user", m.text())


def mistral_thoughts(m: Marks, body: Json) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": m.text()}]}
    _say(body, "assistant", [thinking, {"type": "text", "text": m.text()}])
    _say(body, "user", m.text())


def signed_thoughts(m: Marks, body: Json) -> None:
    details = [
        {
            "type": "reasoning.text",
            "text": m.text(),
            "signature": m.text(),
            "format": "anthropic-claude-v1",
            "index": 0,
        },
        {
            "type": "reasoning.encrypted",
            "data": m.text(),
            "id": m.text(),
            "format": "openai-responses-v1",
            "index": 1,
        },
        {"type": "reasoning.summary", "summary": m.text(), "index": 2},
    ]
    _say(body, "assistant", m.text(), reasoning_details=details)
    _say(body, "user", m.text())


FEATURES: tuple[Feature, ...] = (
    *(sampling, penalties, limits, old_limit, stop_words, stop_word, bias, logprobs, caller),
    *(metadata, tier, cache_key, store, prediction, web_search, verbosity, spoken, custom_voice),
    *(
        effort,
        odd_effort,
        openrouter_reasoning,
        vendor_thinking,
        qwen_thinking,
        switched_on,
        no_thinking,
    ),
    *(stream_options, json_mode, json_schema, odd_format, tools, marked_tool, custom_tool),
    native_tool,
    *(tool_choices("auto"), tool_choices("none"), tool_choices("required")),
    tool_choices({"type": "function", "function": {"name": "NAME"}}),
    tool_choices(
        {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "required",
                "tools": [{"type": "function", "function": {"name": "NAME"}}],
            },
        }
    ),
    *(odd_tool_choice, one_at_a_time, old_functions, unknown_field, system, developer, late_system),
    *(answered, annotated, images, mistral_image, sounds, files, twofold_file, video, odd_blocks),
    *(refused, said_aloud, drawn, calls, broken_arguments, signed_call, tool_sees, custom_call),
    *(old_call, thoughts, mistral_thoughts, signed_thoughts),
)
