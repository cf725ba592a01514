"""OpenAI's assistants: threads, their messages, and runs that answer with the place's name.

A run is done when it is looked at for the first time.

Source: platform.openai.com/docs/api-reference/assistants, /threads, /messages, /runs,
/assistants-streaming/events
"""

from __future__ import annotations

from msgspec import json

from headgate.lab.plan import Plan, stream, whole
from headgate.lab.wires.openai import CREATED
from headgate.lab.wires.openai_other import missing, text
from headgate.lab.wires.question import Json, Question, dicts, mapping, words
from headgate.lab.wires.stored import Kind, find, keep, listing, not_found, orphan

LAST_EVENT = b"event: done\ndata: [DONE]\n\n"


def _made_assistant(question: Question) -> Json | Plan:
    body = question.prompt.body
    if not text(question, "model"):
        return missing("model")
    return {
        "model": text(question, "model"),
        "name": body.get("name"),
        "description": body.get("description"),
        "instructions": body.get("instructions"),
        "tools": dicts(body.get("tools")),
        "metadata": mapping(body.get("metadata")),
    }


def _made_thread(question: Question) -> Json | Plan:
    metadata = mapping(question.prompt.body.get("metadata"))
    return {"tool_resources": {}, "metadata": metadata}


def _made_message(question: Question) -> Json | Plan:
    if not question.prompt.body.get("content"):
        return missing("content")
    role = text(question, "role") or "user"
    return _message(question.ids[0], role, question.prompt.body["content"])


def _message(thread_id: str, role: str, content: object) -> Json:
    shown = content
    if isinstance(content, str):
        shown = [{"type": "text", "text": {"value": content, "annotations": []}}]
    shared: Json = {"thread_id": thread_id, "role": role, "content": shown, "status": "completed"}
    return shared | {"assistant_id": None, "run_id": None, "attachments": [], "metadata": {}}


def _made_run(question: Question) -> Json | Plan:
    assistant_id = text(question, "assistant_id")
    if not assistant_id:
        return missing("assistant_id")
    assistant = question.shelf.get(question.place, ASSISTANTS.path, assistant_id)
    if assistant is None:
        return not_found("assistant", assistant_id)
    return {
        "thread_id": question.ids[0],
        "assistant_id": assistant_id,
        "status": "queued",
        "model": text(question, "model") or assistant.shown["model"],
        "instructions": question.prompt.body.get("instructions"),
        "tools": dicts(question.prompt.body.get("tools")),
        "metadata": mapping(question.prompt.body.get("metadata")),
        "last_error": None,
        "required_action": None,
        "usage": None,
    }


def _said(question: Question) -> str:
    return f"{question.place}: Hello from the lab."


def _answered(question: Question, run: Json) -> Json:
    """Put the assistant's message into the thread, and count it."""
    if run["status"] != "queued":
        return run
    fields = _message(run["thread_id"], "assistant", _said(question))
    fields |= {"run_id": run["id"], "assistant_id": run["assistant_id"]}
    keep(MESSAGES, question, fields)
    counts = {"prompt_tokens": 1, "completion_tokens": len(words(_said(question)))}
    usage = counts | {"total_tokens": sum(counts.values())}
    done = {"status": "completed", "completed_at": CREATED + question.number, "usage": usage}
    return run | done


def start_run(kind: Kind, question: Question) -> Plan:
    """Start a run; a streamed one is done at once."""
    refused = orphan(kind, question)
    if refused is not None:
        return refused
    made = kind.make(question)
    if isinstance(made, Plan):
        return made
    run = keep(kind, question, made)
    return _stream(kind, question, run) if question.stream else whole(json.encode(run))


def _stream(kind: Kind, question: Question, run: Json) -> Plan:
    """The events of a run, from its making to its end."""
    done = _answered(question, run)
    found = question.shelf.get(question.place, kind.path, run["id"], run["thread_id"])
    if found is not None:
        found.shown = done
    message = question.shelf.all_of(question.place, MESSAGES.path, run["thread_id"])[-1].shown
    events: list[tuple[str, Json]] = [
        ("thread.run.created", run),
        ("thread.message.created", message | {"content": [], "status": "in_progress"}),
        *(("thread.message.delta", _delta(message, piece)) for piece in words(_said(question))),
        ("thread.message.completed", message),
        ("thread.run.completed", done),
    ]
    frames = [b"event: %b\ndata: %b\n\n" % (name.encode(), json.encode(it)) for name, it in events]
    return stream([*frames, LAST_EVENT])


def _delta(message: Json, piece: str) -> Json:
    content = [{"index": 0, "type": "text", "text": {"value": piece}}]
    shared: Json = {"id": message["id"], "object": "thread.message.delta"}
    return shared | {"delta": {"content": content}}


def steps(kind: Kind, question: Question) -> Plan:
    """The steps of a run: it wrote one message."""
    stored = find(kind, question)
    if stored is None:
        return not_found(kind.name, question.ids[-1])
    step: Json = {"id": f"step_{stored.shown['id']}", "object": "thread.run.step"}
    step |= {"run_id": stored.shown["id"], "type": "message_creation", "status": "completed"}
    return whole(json.encode(listing([step])))


ASSISTANTS = Kind("assistants", "assistant", "asst_", _made_assistant)
THREADS = Kind("threads", "thread", "thread_", _made_thread)
MESSAGES = Kind("threads/messages", "thread.message", "msg_", _made_message, parent="threads")
RUNS = Kind("threads/runs", "thread.run", "run_", _made_run, parent="threads", look=_answered)
