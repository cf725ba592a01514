"""What a vendor keeps for a caller, over HTTP: files, batches, threads, and stored responses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.framing.sse import SseDecoder
from headgate.edge.caller_key import caller_key
from headgate.edge.json_body import decode_fields
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.routes import Route
from headgate.edge.spelling import failure_answer
from headgate.providers.provider import Operation
from headgate.relay.call import Call, text_field
from headgate.relay.form import FormBody
from headgate.relay.object_visit import Visit, visiting
from headgate.relay.objects import ObjectCall, Objects
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
_OWN_PARAMETERS = frozenset({"key", "api-key"})  # of the query: ours, and a secret
_READING = frozenset({"GET", "HEAD"})
_NULL = msgspec.Raw(b"null")
_MOST_ENTRY_BYTES = 1024 * 1024
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
            asked = _asked(request)
            async with visiting(caller_key(request), asked, self._stages) as visit:
                await self._answer(asked, visit, responder)
        except RelayError as error:
            if responder.started:
                responder.abort()
                return
            responder.answer(*failure_answer(error.failure, request.request_id, _DIALECT))

    async def _answer(self, asked: ObjectCall, visit: Visit, responder: Responder) -> None:
        whole = self._stored(asked, visit.key)
        if whole is None and _is_listing(asked):
            whole = await _listing(asked, visit.objects)
        if whole is None:
            await _passed_on(asked, visit, responder)
        else:
            responder.answer(200, [_JSON], whole)
        visit.outcome = "done"

    def _stored(self, asked: ObjectCall, key: Key) -> bytes | None:
        """Answer about a response that this gateway keeps itself; None if it keeps none."""
        if asked.segments[0] != _RESPONSES:
            return None
        kept, now_s = self._stages.stores.conversations, self._stages.clock.monotonic_s()
        found = kept.find(key.key_id, asked.object_id, now_s)
        if found is None:
            return None
        match asked.method.replace("HEAD", "GET"), asked.segments[2:]:
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
    path = "/" + request.path.strip("/").removeprefix("openai/").removeprefix("v1/")
    if "%" in path:  # no id holds such a thing, and upstreams might read `%2F..%2F` as folders
        raise RelayError(Failure(kind=FailureKind.NOT_FOUND, message=f"No such object: {path}"))
    query = [pair for pair in parse_qsl(request.query) if pair[0] not in _OWN_PARAMETERS]
    body: bytes | FormBody = request.body
    form, fields = None, dict[str, msgspec.Raw]()
    if request.upload is not None:
        form = request.upload.form()
        body = FormBody(form, {})
    elif request.body:
        fields = decode_fields(request.body)
    call = Call(
        request_id=request.request_id,
        operation=Operation.OBJECTS,
        dialect=_DIALECT,
        path="/v1" + path,
        model=text_field(fields, "model") if fields.get("model", _NULL) != _NULL else "",
        fields=fields,
        body=request.body,
        headers=request.headers,
        received_s=request.received_s,
        client_ip=request.client_ip,
        form=form,
    )
    asked = ObjectCall(
        call=call, method=request.method, path=path, query=urlencode(query), body=body
    )
    if request.method == "DELETE" and not asked.object_id:
        message = "Only single objects can be deleted."
        raise RelayError(Failure(kind=FailureKind.METHOD_NOT_ALLOWED, message=message))
    return asked


def _is_listing(asked: ObjectCall) -> bool:
    return asked.method in _READING and not asked.object_id


async def _listing(asked: ObjectCall, objects: Objects) -> bytes:
    """List the key's own objects: each is asked for by itself, because an account has others."""
    query = dict(parse_qsl(asked.query))
    wanted = query.get("limit", "")
    limit = min(int(wanted[:9]), _MOST_LISTED) if wanted.isdecimal() else _DEFAULT_LISTED
    known = objects.listed(asked.segments[0])
    if query.get("order") == "asc":
        known.reverse()
    after = query.get("after")
    start = known.index(after) + 1 if after in known else 0
    page = known[start : start + limit]
    gauge = asyncio.Semaphore(_AT_ONCE)

    async def one(object_id: str) -> bytes | None:
        path = f"{asked.path}/{object_id}"
        single = msgspec.structs.replace(asked, method="GET", path=path, query="")
        async with gauge:
            try:
                answer = await objects.ask(single)
            except RelayError as error:
                if error.failure.http_status == 404:
                    return None  # deleted, or run out
                raise
            return await answer.response.read_all(_MOST_ENTRY_BYTES)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(object_id)) for object_id in page]
    except* RelayError as failed:
        raise _first_of(failed) from None
    shown = [msgspec.Raw(body) for task in tasks if (body := task.result()) is not None]
    listed = {
        "object": "list",
        "data": shown,
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
        "has_more": start + len(page) < len(known),
    }
    return msgspec.json.encode(listed)


def _first_of(failed: ExceptionGroup[RelayError]) -> RelayError:
    first = failed.exceptions[0]
    return first if isinstance(first, RelayError) else _first_of(first)


async def _passed_on(asked: ObjectCall, visit: Visit, responder: Responder) -> None:
    """Pass an answer on as it comes, and note the ids in it. Errors: RelayError."""
    objects = visit.objects
    answer = await objects.ask(asked)
    visit.attempt = answer.attempt
    response = answer.response
    try:
        headers = [(name, value) for name in _KEPT_HEADERS if (value := response.header(name))]
        kind = (response.header(b"content-type") or b"").lower()
        if kind.startswith(b"application/json"):
            body = await response.read_all(_MOST_REPLY_BYTES)
            objects.note(asked, answer.attempt, body)
            responder.answer(response.status, headers, body)
            return
        events = SseDecoder(_MOST_REPLY_BYTES) if kind.startswith(b"text/event-stream") else None
        responder.start(response.status, headers, None)
        while data := await response.read():
            for frame in events.feed(data) if events is not None else ():
                objects.note(asked, answer.attempt, frame.data)
            responder.send(data)
            await responder.drain()
    except BaseException:
        response.abort()
        raise
    responder.end()
