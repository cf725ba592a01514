"""A key's models in OpenAI's shape (`uni-api.md` 6.2, cases 18 to 22, 62 and 63)."""

from typing import Any

import msgspec

from headgate.edge.models_endpoint import ModelsEndpoint
from headgate.snapshot.facts import Key, LimitTable, RateLimit, Settings, Window
from tests.edge.wire import Answer, get, request, serving
from tests.facts import key, offer
from tests.relay.upstreams import FakePool, stages

ONCE = RateLimit((Window(1, 60.0),))
KEY = Key(
    key_id="k",
    role="user",
    is_admin=False,
    routes={"gpt": key([offer("a")]).routes["gpt"], "team/gpt-x": ()},
)


async def asked(
    *targets: str, of: Key = KEY, secret: str = "sk-1", settings: Settings | None = None
) -> list[Answer]:
    models = ModelsEndpoint(stages(FakePool(), of, settings=settings))
    routes = get("/v1/models", models), get("/v1/models/{model:path}", models)
    bearer = f"Authorization: Bearer {secret}\r\n"
    async with serving(*routes) as place:
        return [await place.ask(request("GET", target, headers=bearer)) for target in targets]


def told(answer: Answer) -> Any:
    return msgspec.json.decode(answer.body)


async def test_models_are_listed_in_the_order_of_the_rules() -> None:
    (answer,) = await asked("/v1/models")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    entry = {"object": "model", "created": 0, "owned_by": "headgate"}
    assert told(answer) == {
        "object": "list",
        "data": [{"id": "gpt"} | entry, {"id": "team/gpt-x"} | entry],
    }


async def test_one_model_is_shown_whatever_is_in_its_name() -> None:
    answers = await asked("/v1/models/gpt", "/v1/models/team/gpt-x")
    assert [told(answer)["id"] for answer in answers] == ["gpt", "team/gpt-x"]


async def test_model_that_the_key_may_not_use_is_not_there() -> None:
    (answer,) = await asked("/v1/models/other")
    assert answer.status == 404
    assert told(answer)["error"]["code"] == "model_not_found"
    assert "`other`" in told(answer)["error"]["message"]


async def test_unknown_key_sees_nothing() -> None:
    (answer,) = await asked("/v1/models", secret="sk-2")
    assert answer.status == 401
    assert "data" not in told(answer)


async def test_looking_at_models_counts_against_the_limit_of_all_keys_alone() -> None:
    limited = key([offer("a")], limits=LimitTable(default=ONCE))
    assert [answer.status for answer in await asked(*["/v1/models"] * 3, of=limited)] == [200] * 3
    answers = await asked("/v1/models", "/v1/models", settings=Settings(rate_limit=ONCE))
    assert [answer.status for answer in answers] == [200, 429]
