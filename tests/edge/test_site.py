"""What is found at a method and a target, and what is said where nothing is."""

from __future__ import annotations

import pytest

from headgate.base.failure import RelayError
from headgate.edge.routes import Route
from headgate.edge.site import Site
from tests.edge.wire import echo, get, post, request, serving, spell

CHAT = post("/v1/chat", echo)
MODELS = get("/v1/models/{id:path}", echo)
SITE = Site([CHAT, MODELS, post("/v1beta/x", echo, dialect="gemini")], spell)


def test_route_is_found_with_and_without_a_query() -> None:
    plain = SITE.find(b"POST", b"/v1/chat")
    asked = SITE.find(b"POST", b"/v1/chat?beta=true")
    assert plain is not None
    assert asked is not None
    assert plain.route is asked.route is CHAT
    assert (asked.path, asked.query) == ("/v1/chat", "beta=true")


def test_parameters_come_with_the_match() -> None:
    match = SITE.find(b"GET", b"/v1/models/a%2Fb?x")
    assert match is not None
    assert match.route is MODELS
    assert match.params == {"id": "a/b"}


def test_app_gets_what_is_beside_no_route() -> None:
    assert SITE.find(b"GET", b"/console", app=True) is None
    assert SITE.find(b"GET", b"/", app=True) is None
    for target in (b"/v1/nothing", b"/v1beta/nothing"):
        assert SITE.find(b"GET", target, app=True) is not None


def test_app_gets_no_ambiguous_path_either() -> None:
    with pytest.raises(RelayError):
        SITE.find(b"GET", b"/console/%2e%2e/api", app=True)


async def test_404_is_spelled_in_the_folders_dialect() -> None:
    async with serving(CHAT, post("/v1beta/x", echo, dialect="gemini")) as place:
        openai = await place.ask(request(target="/v1/nothing"))
        gemini = await place.ask(request(target="/v1beta/nothing"))
    assert (openai.status, openai.told["dialect"]) == (404, "openai_chat")
    assert (gemini.status, gemini.told["dialect"]) == (404, "gemini")
    assert openai.told["message"] == (
        "There is nothing at /v1/nothing. There is: GET POST /echo, POST /v1/chat, POST /v1beta/x."
    )


async def test_long_path_is_not_repeated_whole() -> None:
    async with serving() as place:
        answer = await place.ask(request(target="/" + "x" * 5000))
    assert len(answer.body) < 1000


def test_routes_that_contradict_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="two routes"):
        Site([CHAT, Route(methods=("POST",), path="/v1/chat", handler=echo)])


@pytest.mark.parametrize(
    ("target", "dialect"),
    [
        ("/v1beta/../x", "gemini"),
        ("/v1beta?a=/v1/b", "gemini"),
        ("/v1/../x", "openai_chat"),
        ("*", "openai_chat"),
        ("", "openai_chat"),
    ],
)
def test_refused_path_is_spelled_like_its_neighbours(target: str, dialect: str) -> None:
    assert SITE.dialect_at(target) == dialect


async def test_ambiguous_path_is_refused_in_its_folders_dialect() -> None:
    async with serving(post("/v1beta/x", echo, dialect="gemini")) as place:
        answer = await place.ask(request("POST", "/v1beta/x/../y"))
        assert (answer.status, answer.told["dialect"]) == (400, "gemini")
