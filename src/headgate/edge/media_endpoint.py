"""A caller's images and audio: forms with files or JSON in; JSON, events, or sound out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable

from headgate.base.failure import RelayError
from headgate.dialects.dialect import Fields
from headgate.dialects.fields import field
from headgate.edge.caller_key import caller_key
from headgate.edge.front_doors import path_model
from headgate.edge.json_body import decode_fields
from headgate.edge.relay_endpoint import STREAM_HEADERS, told_headers
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.routes import Route
from headgate.edge.spelling import failure_answer
from headgate.providers.provider import Operation
from headgate.relay.call import Call, flag_field, text_field
from headgate.relay.exchange import Exchange, cut_short
from headgate.relay.form import Form
from headgate.relay.relay import relay
from headgate.relay.stages import Stages

_PATHS: dict[Operation, str] = {
    Operation.IMAGES: "/images/generations",
    Operation.IMAGE_EDITS: "/images/edits",
    Operation.IMAGE_VARIATIONS: "/images/variations",
    Operation.SPEECH: "/audio/speech",
    Operation.TRANSCRIPTIONS: "/audio/transcriptions",
    Operation.TRANSLATIONS: "/audio/translations",
}
_UPLOADS = frozenset(
    {
        Operation.IMAGE_EDITS,
        Operation.IMAGE_VARIATIONS,
        Operation.TRANSCRIPTIONS,
        Operation.TRANSLATIONS,
    }
)
_DIALECT = "openai_chat"
_STREAMED = frozenset({Operation.IMAGES, Operation.IMAGE_EDITS, Operation.TRANSCRIPTIONS})
# OpenAI asks for no model here, and uni-api's users leave it out (`uni-api.md` 2); these are its
# own choices, and the only model that OpenAI varies images with.
_DEFAULT_MODELS = {
    Operation.IMAGES: "dall-e-3",
    Operation.IMAGE_EDITS: "gpt-image-2",
    Operation.IMAGE_VARIATIONS: "dall-e-2",
}
_EVENTS = b"text/event-stream"
_CLEAN_TYPE = re.compile(rb"[\x20-\x7e]{1,200}")


def media_routes(stages: Stages, roots: Iterable[str]) -> list[Route]:
    """Serve every operation below each of the roots, which may name the model."""
    endpoints = {operation: MediaEndpoint(stages, operation) for operation in _PATHS}
    return [
        Route(
            methods=("POST",),
            path=root + path,
            handler=endpoints[operation],
            dialect=_DIALECT,
            upload=operation in _UPLOADS,
        )
        for operation, path in _PATHS.items()
        for root in roots
    ]


class MediaEndpoint:
    """Serves one operation, of which the model may stand in the path (Azure's clients)."""

    def __init__(self, stages: Stages, operation: Operation) -> None:
        self._stages = stages
        self._operation = operation

    async def __call__(self, request: Request, responder: Responder) -> None:
        """Answer one request."""
        try:
            call = self._call(request)
            async with relay(caller_key(request), call, self._stages) as exchange:
                answer = exchange.answer
                if answer is None or answer.lane is not None:
                    await self._flowing(exchange, responder)
                else:
                    await exchange.settle()  # on the books before the caller has it
                    headers = [
                        _content_type(answer.content_type),
                        *told_headers(exchange, self._stages.clock.wall_s()),
                    ]
                    responder.answer(200, headers, answer.whole or b"")
        except RelayError as error:
            responder.answer(*failure_answer(error.failure, request.request_id, _DIALECT))

    def _call(self, request: Request) -> Call:
        """Read the request. Errors: RelayError INVALID_REQUEST."""
        form: Form | None = None
        if request.upload is not None:
            form = request.upload.form()
            fields = form.fields()
        else:
            fields = decode_fields(request.body)
        return Call(
            request_id=request.request_id,
            operation=self._operation,
            dialect=_DIALECT,
            path="/v1" + _PATHS[self._operation],
            model=self._model(request, fields),
            fields=fields,
            body=request.body,
            headers=request.headers,
            received_s=request.received_s,
            client_ip=request.client_ip,
            stream=self._wants_stream(fields),
            form=form,
        )

    def _model(self, request: Request, fields: Fields) -> str:
        if "model" in request.params:
            return path_model(request)
        default = _DEFAULT_MODELS.get(self._operation)
        if default is not None and "model" not in fields:
            return default
        return text_field(fields, "model")

    def _wants_stream(self, fields: Fields) -> bool:
        if self._operation is Operation.SPEECH:
            return bool(field(fields, "stream_format") == "sse")
        return self._operation in _STREAMED and flag_field(fields, "stream")

    async def _flowing(self, exchange: Exchange, responder: Responder) -> None:
        """Write events, or sound: only in events can something be said when they break off."""
        answer = exchange.answer
        content_type = answer.content_type if answer is not None else _EVENTS
        is_events = content_type.strip().lower().startswith(_EVENTS)
        head = STREAM_HEADERS if is_events else (_content_type(content_type),)
        responder.start(200, [*head, *told_headers(exchange, self._stages.clock.wall_s())], None)
        try:
            await exchange.write_to(responder)
        except asyncio.CancelledError:
            if not responder.closed:  # not the caller: the gateway is stopping
                said = exchange.broken_off(cut_short())
                _end(responder, said if is_events else None)
            raise
        await exchange.settle()
        is_cut = exchange.failure is not None and not is_events
        _end(responder, None if is_cut else b"")


def _end(responder: Responder, last: bytes | None) -> None:
    """End an answer; None for the last piece breaks it off."""
    if last is None:
        responder.abort()
        return
    if last:
        responder.send(last)
    responder.end()


def _content_type(kind: bytes) -> tuple[bytes, bytes]:
    """Pass on what the upstream called it, if that is a header at all."""
    is_clean = _CLEAN_TYPE.fullmatch(kind) is not None
    return (b"content-type", kind if is_clean else b"application/octet-stream")
