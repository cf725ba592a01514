"""The models that a key can ask for, in the shape of whoever asks."""

from __future__ import annotations

import msgspec

from headgate.admission.access import listed_models
from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.caller_key import caller_key
from headgate.edge.model_lists import Shown, dialect_of, listed, one
from headgate.edge.request import Request
from headgate.edge.responder import Responder
from headgate.edge.spelling import failure_answer
from headgate.relay.stages import Stages
from headgate.snapshot.facts import Key

_JSON = [(b"content-type", b"application/json")]


class ModelsEndpoint:
    """Serves `GET /v1/models` and `GET /v1/models/{model}`, and their Gemini namesakes."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    async def __call__(self, request: Request, responder: Responder) -> None:
        """Answer with the list, or with the one model that the path names."""
        dialect = dialect_of(request)
        try:
            shown = await self._shown(request, dialect)
            status, headers, body = 200, _JSON, msgspec.json.encode(shown)
        except RelayError as error:
            wall_s = self._stages.clock.wall_s()
            status, headers, body = failure_answer(
                error.failure, request.request_id, dialect, wall_s
            )
        responder.answer(status, headers, body)

    async def _shown(self, request: Request, dialect: str) -> Shown:
        stages = self._stages
        facts = stages.facts()
        now_s = stages.clock.monotonic_s()
        key = await stages.gate.authenticate(caller_key(request), facts, now_s)
        created_s = int(facts.loaded_at_s)
        wanted = request.params.get("model")
        if wanted is None:
            return listed(request, dialect, listed_models(key), created_s)
        return one(dialect, _known(key, wanted), created_s)


def _known(key: Key, model: str) -> str:
    if model not in key.routes:
        raise RelayError(
            Failure(
                kind=FailureKind.MODEL_NOT_FOUND,
                message=f"The model `{model}` does not exist or your key may not use it.",
                param="model",
            )
        )
    return model
