"""Requests of Anthropic's Messages API, Claude Code's among them.

Source: platform.claude.com/docs/en/api/messages; `providers.md` 2.3; `ecosystem.md` 4.1.
"""

from __future__ import annotations

from typing import Any

from tests.dialects.bodies.marks import Feature, Json, Marks
from tests.dialects.bodies.openai_chat import schema_of

_MARKED = {"type": "ephemeral", "ttl": "1h"}


def base(m: Marks) -> Json:
    """Give the least request."""
    message = {"role": "user", "content": m.text()}
    return {"model": "claude-x", "max_tokens": 2011, "messages": [message]}


def _say(body: Json, role: str, content: object) -> None:
    body["messages"].append({"role": role, "content": content})


def _heard(m: Marks, body: Json, *blocks: Json) -> None:
    """Let the user say some blocks."""
    _say(body, "assistant", m.text())
    _say(body, "user", list(blocks))


def _said(m: Marks, body: Json, *blocks: Json) -> None:
    """Let the assistant have said some blocks."""
    _say(body, "assistant", list(blocks))
    _say(body, "user", m.text())


def _text(m: Marks, **more: object) -> Json:
    return {"type": "text", "text": m.text(), **more}


def sampling(m: Marks, body: Json) -> None:
    body |= {"temperature": m.fraction(), "top_p": m.fraction(), "top_k": 43}


def stops(m: Marks, body: Json) -> None:
    body["stop_sequences"] = [m.text(), m.text()]


def caller(m: Marks, body: Json) -> None:
    body["metadata"] = {"user_id": m.text(), "x": m.text()}


def tier(m: Marks, body: Json) -> None:
    del m
    body["service_tier"] = "standard_only"


def system(m: Marks, body: Json) -> None:
    body["system"] = m.text()


def system_blocks(m: Marks, body: Json) -> None:
    body["system"] = [_text(m, x=m.text()), _text(m, cache_control=dict(_MARKED))]


def billing(m: Marks, body: Json) -> None:
    line = m.text("x-anthropic-billing-header: cc_version=")
    body["system"] = [{"type": "text", "text": line}, _text(m)]


def late_system(m: Marks, body: Json) -> None:
    _say(body, "system", m.text())
    _say(body, "assistant", m.text())
    _say(body, "user", [_text(m, cache_control=dict(_MARKED))])


def whole_mark(m: Marks, body: Json) -> None:
    del m
    body["cache_control"] = {"type": "ephemeral", "ttl": "5m"}


def thinking(m: Marks, body: Json) -> None:
    body["thinking"] = {"type": "enabled", "budget_tokens": 1501, "x": m.text()}


def shown_thinking(m: Marks, body: Json) -> None:
    del m
    body["thinking"] = {"type": "adaptive", "display": "summarized"}


def hidden_thinking(m: Marks, body: Json) -> None:
    del m
    body["thinking"] = {"type": "enabled", "budget_tokens": 1503, "display": "omitted"}


def no_thinking(m: Marks, body: Json) -> None:
    del m
    body["thinking"] = {"type": "disabled"}


def effort(m: Marks, body: Json) -> None:
    budget = {"type": "tokens", "total": m.number()}
    body["thinking"] = {"type": "adaptive"}
    body["output_config"] = {"effort": "high", "task_budget": budget}


def odd_effort(m: Marks, body: Json) -> None:
    body["output_config"] = {"effort": m.text()}


def form(m: Marks, body: Json) -> None:
    asked = {"type": "json_schema", "schema": schema_of(m), "x": m.text()}
    body["output_config"] = {"format": asked}


def claude_code(m: Marks, body: Json) -> None:
    edits = [{"type": "clear_thinking_20251015", "keep": m.text()}]
    body["context_management"] = {"edits": edits}


def servers(m: Marks, body: Json) -> None:
    server = {"type": "url", "url": m.text("https://h/"), "name": m.text()}
    body["mcp_servers"] = [server | {"authorization_token": m.text()}]
    body.setdefault("tools", []).append({"type": "mcp_toolset", "mcp_server_name": m.text()})


def container(m: Marks, body: Json) -> None:
    skill = {"type": "anthropic", "skill_id": m.text(), "version": m.text()}
    body["container"] = {"id": m.text(), "skills": [skill]}


def others(m: Marks, body: Json) -> None:
    body |= {"inference_geo": m.text(), "speed": "fast", "x_new": [m.text()]}


def images(m: Marks, body: Json) -> None:
    data = {"type": "base64", "media_type": "image/png", "data": m.base64(), "x": m.text()}
    _heard(
        m,
        body,
        {"type": "image", "source": data, "cache_control": dict(_MARKED)},
        {"type": "image", "source": {"type": "url", "url": m.text("https://h/")}},
        {"type": "image", "source": {"type": "file", "file_id": m.text()}},
    )


def documents(m: Marks, body: Json) -> None:
    pdf = {"type": "base64", "media_type": "application/pdf", "data": m.base64()}
    plain = {"type": "text", "media_type": "text/plain", "data": m.text()}
    blocks = {"type": "content", "content": [_text(m)]}
    cited: Json = {"citations": {"enabled": True}, "title": m.text(), "context": m.text()}
    _heard(
        m,
        body,
        {"type": "document", "source": pdf, **cited},
        {"type": "document", "source": plain, "cache_control": dict(_MARKED)},
        {"type": "document", "source": {"type": "url", "url": m.text("https://h/")}},
        {"type": "document", "source": {"type": "file", "file_id": m.text()}, "title": m.text()},
        {"type": "document", "source": blocks},
    )


def found(m: Marks, body: Json) -> None:
    result: Json = {"type": "search_result", "source": m.text("https://h/"), "title": m.text()}
    _heard(m, body, result | {"content": [_text(m)], "citations": {"enabled": True}})


def uploads(m: Marks, body: Json) -> None:
    _heard(m, body, {"type": "container_upload", "file_id": m.text()}, _text(m, x=m.text()))


def cited(m: Marks, body: Json) -> None:
    web = {
        "type": "web_search_result_location",
        "url": m.text("https://h/"),
        "title": m.text(),
        "encrypted_index": m.text(),
        "cited_text": m.text(),
    }
    place = {
        "type": "char_location",
        "cited_text": m.text(),
        "document_index": 0,
        "document_title": m.text(),
        "start_char_index": m.number(),
        "end_char_index": m.number(),
    }
    _said(m, body, _text(m, citations=[web, place]))


def thoughts(m: Marks, body: Json) -> None:
    signed = {"type": "thinking", "thinking": m.text(), "signature": m.text(), "x": m.text()}
    hidden = {"type": "redacted_thinking", "data": m.text()}
    _said(m, body, signed, hidden, _text(m))


def unsigned_thoughts(m: Marks, body: Json) -> None:
    _said(m, body, {"type": "thinking", "thinking": m.text(), "signature": ""}, _text(m))


def searched(m: Marks, body: Json) -> None:
    call_id = m.text("srvtoolu_")
    hit = {"type": "web_search_result", "url": m.text("https://h/"), "encrypted_content": m.text()}
    _said(
        m,
        body,
        {"type": "server_tool_use", "id": call_id, "name": "web_search", "input": {"q": m.text()}},
        {"type": "web_search_tool_result", "tool_use_id": call_id, "content": [hit]},
        {"type": "compaction", "content": m.text()},
        _text(m),
    )


def _call(m: Marks) -> Json:
    return {
        "type": "tool_use",
        "id": m.text("toolu_"),
        "name": m.text("f"),
        "input": {m.text("k"): [m.text(), m.number()]},
    }


def calls(m: Marks, body: Json) -> None:
    made = [_call(m) | {"cache_control": dict(_MARKED), "caller": {"type": m.text()}}, _call(m)]
    result = {"type": "tool_result", "tool_use_id": made[0]["id"], "content": m.text()}
    failed = {"type": "tool_result", "tool_use_id": made[1]["id"], "content": [_text(m)]}
    _say(body, "assistant", [_text(m), *made])
    _say(body, "user", [result | {"x": m.text()}, failed | {"is_error": True}, _text(m)])


def rich_results(m: Marks, body: Json) -> None:
    call = _call(m)
    image = {"type": "base64", "media_type": "image/png", "data": m.base64()}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": m.base64()}
    content = [
        _text(m, cache_control=dict(_MARKED)),
        {"type": "image", "source": image, "x": m.text()},
        {"type": "document", "source": pdf, "title": m.text()},
        {"type": "search_result", "source": m.text(), "title": m.text(), "content": [_text(m)]},
        {"type": "tool_reference", "tool_name": m.text()},
    ]
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": content}
    _say(body, "assistant", [call])
    _say(body, "user", [result | {"cache_control": dict(_MARKED)}])


def _add_tool(body: Json, tool: Json) -> None:
    body.setdefault("tools", []).append(tool)


def tools(m: Marks, body: Json) -> None:
    tool = {"name": m.text("f"), "description": m.text(), "input_schema": schema_of(m)}
    _add_tool(body, tool | {"type": "custom", "strict": True, "cache_control": dict(_MARKED)})


def fancy_tools(m: Marks, body: Json) -> None:
    schema: Json = {"type": "object", "properties": {"q": {"type": "string"}}}
    tool: Json = {"name": m.text("f"), "input_schema": schema, "input_examples": [{"q": m.text()}]}
    _add_tool(body, tool | {"defer_loading": True, "allowed_callers": [m.text()]})


def server_tools(m: Marks, body: Json) -> None:
    place = {"type": "approximate", "city": m.text(), "timezone": m.text()}
    search: Json = {"type": "web_search_20250305", "name": "web_search", "max_uses": m.number()}
    _add_tool(body, search | {"allowed_domains": [m.text()], "user_location": place})
    _add_tool(body, {"type": "code_execution_20250825", "name": m.text()})
    _add_tool(body, {"type": "bash_20250124", "name": m.text()})


def tool_choices(**choice: Any) -> Feature:
    def feature(m: Marks, body: Json) -> None:
        tools(m, body)
        name = body["tools"][-1]["name"]
        filled = {key: name if value == "NAME" else value for key, value in choice.items()}
        body["tool_choice"] = filled

    feature.__name__ = "tool_choice_" + "_".join(str(word) for word in choice.values())
    return feature


def odd_tool_choice(m: Marks, body: Json) -> None:
    tools(m, body)
    body["tool_choice"] = {"type": "auto", "x": m.text()}


FEATURES: tuple[Feature, ...] = (
    *(sampling, stops, caller, tier, system, system_blocks, billing, late_system, whole_mark),
    *(thinking, shown_thinking, hidden_thinking, no_thinking, effort, odd_effort, form),
    *(claude_code, servers, container, others, images, documents, found, uploads, cited),
    *(thoughts, unsigned_thoughts, searched, calls, rich_results, tools, fancy_tools),
    server_tools,
    *(tool_choices(type="auto"), tool_choices(type="any"), tool_choices(type="none")),
    tool_choices(type="tool", name="NAME"),
    tool_choices(type="auto", disable_parallel_tool_use=True),
    tool_choices(type="tool", name="NAME", disable_parallel_tool_use=True),
    odd_tool_choice,
)
