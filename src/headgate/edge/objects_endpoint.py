"""What a vendor keeps for a caller, over HTTP: files, batches, threads, and stored responses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.caller_key import caller_key
from headgate.edge.json_body import decode_fields
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.routes import Route
from headgate.edge.spelling import failure_answer
from headgate.providers.provider import Operation
from headgate.relay.call import Call
from headgate.relay.form import FormBody
from headgate.relay.objects import ObjectAnswer, ObjectCall, Objects
from headgate.relay.stages import Stages
from headgate.snapshot.facts import Key

_DIALECT = "openai_chat"
_METHODS = ("GET", "POST", "DELETE")
_COLLECTIONS = (
    *("files", "uploads", "batches", "fine_tuning", "assistants", "threads", "vector_stores"),
    *("containers", "conversations"),
)
_UPLOADS = frozenset({"files", "uploads", "containers"})
_RESPONSES = "responses"
_MOST_REPLY_BYTES = 64 * 1024 * 1024
_JSON = (b"content-type", b"application/json")
_KEPT_HEADERS = (b"content-type", b"content-disposition", b"openai-version")
_OWN_PARAMETERS = frozenset({"key"})  # of the query: ours, and a secret
_MOST_LISTED = 100
_DEFAULT_LISTED = 20
_AT_ONCE = 8


def object_routes(stages: Stages, roots: Iterable[str]) -> list[Route]:
    """Serve every collection, and stored responses, below each of the roots."""
    endpoint = ObjectsEndpoint(stages)
    rows = [
        (name, path) for name in _COLLECTIONS for path in (f"/{name}", f"/{name}/{{rest:path}}")
    ]
    rows.append((_RESPONSES, f"/{_RESPONSES}/{{rest:path}}"))
    return [
        Route(
            methods=_METHODS,
            path=root + path,
            handler=endpoint,
            dialect="openai_responses" if name == _RESPONSES else _DIALECT,
            upload=name in _UPLOADS,
        )
        for name, path in rows
        for root in roots
    ]


class ObjectsEndpoint:
    """Serves all collections."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    async def __call__(self, request: Request, responder: Responder) -> None:
        """Answer one request."""
        try:
            stages = self._stages
            now_s = stages.clock.monotonic_s()
            key = await stages.gate.authenticate(caller_key(request), stages.facts(), now_s)
            asked = _asked(request)
            stored = self._stored(asked, key)
            if stored is not None:
                responder.answer(200, [_JSON], stored)
                return
            objects = Objects(key, stages)
            if _is_listing(asked):
                responder.answer(200, [_JSON], await _listing(asked, objects))
                return
            answer = await objects.ask(asked)
        except RelayError as error:
            responder.answer(*failure_answer(error.failure, request.request_id, _DIALECT))
            return
        await _passed_on(asked, answer, objects, responder)

    def _stored(self, asked: ObjectCall, key: Key) -> bytes | None:
        """Answer about a response that this gateway keeps itself; None if it keeps none."""
        if asked.segments[0] != _RESPONSES:
            return None
        kept, now_s = self._stages.stores.conversations, self._stages.clock.monotonic_s()
        found = kept.find(key.key_id, asked.object_id, now_s)
        if found is None:
            return None
        match asked.method, asked.segments[2:]:
            case "GET", []:
                return found.response
            case "DELETE", []:
                kept.forget(key.key_id, asked.object_id)
                gone = {"id": asked.object_id, "object": "response", "deleted": True}
                return msgspec.json.encode(gone)
            case "GET", ["input_items"]:
                items = [msgspec.Raw(item) for item in reversed(found.asked)]
                return msgspec.json.encode({"object": "list", "data": items, "has_more": False})
        raise RelayError(
            Failure(
                kind=FailureKind.INVALID_REQUEST,
                message="This response is kept by the gateway, for an upstream that cannot keep "
                "one; it is complete, so there is nothing to cancel.",
            )
        )


def _asked(request: Request) -> ObjectCall:
    """Read a request. Errors: RelayError."""
    path = "/" + request.path.lstrip("/").removeprefix("openai/").removeprefix("v1/")
    query = [pair for pair in parse_qsl(request.query) if pair[0] not in _OWN_PARAMETERS]
    body: bytes | FormBody = request.body
    if request.upload is not None:
        body = FormBody(request.upload.form(), {})
    elif request.body:
        decode_fields(request.body)  # what is no JSON object is refused here, with the place
    call = Call(
        request_id=request.request_id,
        operation=Operation.OBJECTS,
        dialect=_DIALECT,
        path="/v1" + path,
        model="",
        fields={},
        body=request.body,
        headers=request.headers,
        received_s=request.received_s,
        client_ip=request.client_ip,
    )
    return ObjectCall(
        call=call, method=request.method, path=path, query=urlencode(query), body=body
    )


def _is_listing(asked: ObjectCall) -> bool:
    return asked.method == "GET" and not asked.object_id


async def _listing(asked: ObjectCall, objects: Objects) -> bytes:
    """List the key's own objects: each is asked for by itself, because an account has others."""
    query = dict(parse_qsl(asked.query))
    wanted = query.get("limit", "")
    limit = min(int(wanted), _MOST_LISTED) if wanted.isdecimal() else _DEFAULT_LISTED
    known = objects.listed(asked.segments[0])
    if query.get("order") == "asc":
        known.reverse()
    after = query.get("after")
    start = known.index(after) + 1 if after in known else 0
    page = known[start : start + limit]
    gauge = asyncio.Semaphore(_AT_ONCE)

    async def one(object_id: str) -> bytes | None:
        single = msgspec.structs.replace(asked, path=f"{asked.path}/{object_id}", query="")
        async with gauge:
            try:
                answer = await objects.ask(single)
            except RelayError as error:
                if error.failure.http_status == 404:
                    return None  # deleted, or run out
                raise
            return await answer.response.read_all(_MOST_REPLY_BYTES)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(object_id)) for object_id in page]
    shown = [msgspec.Raw(body) for task in tasks if (body := task.result()) is not None]
    listed = {
        "object": "list",
        "data": shown,
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
        "has_more": start + len(page) < len(known),
    }
    return msgspec.json.encode(listed)


async def _passed_on(
    asked: ObjectCall, answer: ObjectAnswer, objects: Objects, responder: Responder
) -> None:
    """Pass an answer on as it comes, and note the ids in it."""
    response = answer.response
    headers = [(name, value) for name in _KEPT_HEADERS if (value := response.header(name))]
    kind = response.header(b"content-type") or b""
    try:
        if kind.startswith(b"application/json"):
            body = await response.read_all(_MOST_REPLY_BYTES)
            objects.note(asked, answer.attempt, body)
            responder.answer(response.status, headers, body)
            return
        responder.start(response.status, headers, None)
        while data := await response.read():
            if kind.startswith(b"text/event-stream"):
                objects.note(asked, answer.attempt, data)
            responder.send(data)
            await responder.drain()
    except RelayError as error:
        if responder.started:
            responder.abort()
        else:
            failure = failure_answer(error.failure, asked.call.request_id, _DIALECT)
            responder.answer(*failure)
        return
    except BaseException:
        response.abort()
        raise
    responder.end()
