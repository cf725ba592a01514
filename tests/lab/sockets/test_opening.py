from __future__ import annotations

import pytest

from headgate.base.clock import ManualClock
from headgate.lab.journal import Received
from headgate.lab.plan import Hang, Plan, Wait
from headgate.lab.site import Site
from headgate.lab.sockets.opening import Opening, opening
from headgate.lab.sockets.realtime import Realtime
from headgate.lab.sockets.responses import Responses


def opened(path: str, **query: str) -> tuple[Received, Opening | Plan]:
    received = Received(
        number=1, arrived_at=0.0, method="GET", path=path, query=query,
        headers={"openai-beta": "realtime=v1"}, body=b"", body_length=0,
    )  # fmt: skip
    return received, opening(Site(None, ManualClock()), received)


@pytest.mark.parametrize(
    ("path", "kind"), [("/ok1/v1/realtime", Realtime), ("/ok1/v1/responses/", Responses)]
)
def test_the_path_says_who_talks(path: str, kind: type) -> None:
    received, found = opened(path, model="m")
    assert isinstance(found, Opening)
    assert isinstance(found.talk, kind)
    assert (received.place, received.model, received.behaviour) == ("ok1", "m", "hello")


def test_azure_names_a_deployment() -> None:
    received, _ = opened("/ok1/openai/realtime", deployment="gpt-realtime")
    assert (received.place, received.model) == ("ok1", "gpt-realtime")


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/e403/v1/realtime", {}, 403),
        ("/ok1/v1/realtime", {"model": "lab-429"}, 429),
        ("/e503/v1/responses", {}, 503),
        ("/ok1/v1/chat/completions", {}, 404),
    ],
)
def test_a_place_or_model_may_refuse(path: str, query: dict[str, str], status: int) -> None:
    _, found = opened(path, **query)
    assert isinstance(found, Plan)
    assert found.status == status


def test_a_slow_place_is_slow_to_shake_hands() -> None:
    for path, step in (("/slow-3/v1/realtime", Wait(3.0)), ("/hang/v1/realtime", Hang())):
        _, found = opened(path)
        assert isinstance(found, Opening)
        assert found.before == (step,)
