"""The models that a key can ask for, in OpenAI's shape."""

from __future__ import annotations

import msgspec

from headgate.admission.access import listed_models
from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.caller_key import caller_key
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.spelling import failure_answer
from headgate.relay.stages import Stages
from headgate.snapshot.facts import Key

_JSON = [(b"content-type", b"application/json")]
_OWNER = "headgate"


class ModelsEndpoint:
    """Serves `GET /v1/models` and `GET /v1/models/{model}`."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    async def __call__(self, request: Request, responder: Responder) -> None:
        """Answer with the list, or with the one model that the path names."""
        try:
            key = await self._key(request)
            wanted = request.params.get("model")
            answer = self._listed(key) if wanted is None else self._one(key, wanted)
            status, headers, body = 200, _JSON, msgspec.json.encode(answer)
        except RelayError as error:
            status, headers, body = failure_answer(error.failure, request.request_id, "openai_chat")
        responder.start(status, headers, len(body))
        responder.send(body)
        responder.end()

    async def _key(self, request: Request) -> Key:
        stages = self._stages
        now_s = stages.clock.monotonic_s()
        return await stages.gate.authenticate(caller_key(request), stages.facts(), now_s)

    def _listed(self, key: Key) -> dict[str, object]:
        return {"object": "list", "data": [self._entry(model) for model in listed_models(key)]}

    def _one(self, key: Key, model: str) -> dict[str, object]:
        if model not in key.routes:
            raise RelayError(
                Failure(
                    kind=FailureKind.MODEL_NOT_FOUND,
                    message=f"The model `{model}` does not exist or your key may not use it.",
                    param="model",
                )
            )
        return self._entry(model)

    def _entry(self, model: str) -> dict[str, object]:
        created = int(self._stages.facts().loaded_at_s)
        return {"id": model, "object": "model", "created": created, "owned_by": _OWNER}
