"""Which route answers which path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import RelayError
from headgate.edge.routes import Pattern, Route, RouteTable, parse_pattern, split_target
from tests.edge.wire import echo


def route(path: str, *methods: str) -> Route:
    return Route(methods=methods or ("GET",), path=path, handler=echo)


TABLE = RouteTable(
    [
        route("/"),
        route("/v1/models"),
        route("/v1/models/{id:path}"),
        route("/v1/models/{id}/about"),
        route("/v1/chat", "POST"),
        route("/deployments/{name}/chat", "POST", "PUT"),
        route("/deployments/{name}/chat", "DELETE"),
    ]
)


def found(path: str) -> tuple[str, dict[str, str]] | None:
    """The route's own path, and the parameters."""
    at = TABLE.methods_at(path)
    if at is None:
        return None
    methods, params = at
    return next(iter(methods.values())).path, dict(params)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", ("/", {})),
        ("/v1/models", ("/v1/models", {})),
        ("/v1/models/", None),
        ("/v1/models/gpt-4o", ("/v1/models/{id:path}", {"id": "gpt-4o"})),
        ("/v1/models/a/b", ("/v1/models/{id:path}", {"id": "a/b"})),
        ("/v1/models/a%2Fb", ("/v1/models/{id:path}", {"id": "a/b"})),
        ("/v1/models/a%20%C3%A9", ("/v1/models/{id:path}", {"id": "a é"})),
        ("/v1/models/a/about", ("/v1/models/{id}/about", {"id": "a"})),
        ("/v1/models/a/b/about", ("/v1/models/{id:path}", {"id": "a/b/about"})),
        ("/v1/Models", None),
        ("/v1/chat/", None),
        ("/deployments/x/chat", ("/deployments/{name}/chat", {"name": "x"})),
        ("/deployments/x/y/chat", None),
        ("/deployments//chat", None),
        ("/nowhere", None),
    ],
)
def test_path_finds_its_route(path: str, expected: tuple[str, dict[str, str]] | None) -> None:
    assert found(path) == expected


@pytest.mark.parametrize("path", ["/deployments/x%2fy/chat", "/v1%2Fmodels", "/v1/models/%ff"])
def test_path_that_could_be_another_is_refused(path: str) -> None:
    with pytest.raises(RelayError):
        found(path)


def test_methods_of_one_path_are_joined_and_get_answers_head() -> None:
    at = TABLE.methods_at("/deployments/x/chat")
    assert at is not None
    assert set(at[0]) == {"POST", "PUT", "DELETE"}
    assert set(TABLE.exact()["/v1/models"]) == {"GET", "HEAD"}


def test_folders_of_the_routes_are_owned() -> None:
    assert TABLE.owns("/v1/nothing")
    assert TABLE.owns("/deployments")
    assert not TABLE.owns("/console/x")
    assert not TABLE.owns("/")


def test_two_routes_for_the_same_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="two routes for GET /a"):
        RouteTable([route("/a"), route("/a")])


def test_pattern_is_cut_at_its_placeholder() -> None:
    assert parse_pattern("/a") is None
    assert parse_pattern("/a/{b}:c") == Pattern("/a/", "b", ":c", any_depth=False)
    assert parse_pattern("/a/{b:path}") == Pattern("/a/", "b", "", any_depth=True)
    with pytest.raises(ValueError, match="one placeholder"):
        parse_pattern("/{a}/{b}")


def test_target_is_split_at_the_first_question_mark() -> None:
    assert split_target(b"/a/b") == ("/a/b", "")
    assert split_target(b"/a?b=c?d&e=//..;") == ("/a", "b=c?d&e=//..;")


@given(st.binary(max_size=30))
def test_target_is_a_plain_path_or_refused(url: bytes) -> None:
    try:
        path, _ = split_target(url)
    except RelayError as error:
        assert error.failure.http_status == 400
    else:
        assert path.startswith("/")
        assert "//" not in path
        assert "\\" not in path
        assert not {".", ".."} & set(path.split("/"))


@given(st.lists(st.sampled_from(["", "v1", "models", "a", "chat", "about", "deployments"])))
def test_index_finds_what_a_look_at_every_pattern_finds(folders: list[str]) -> None:
    path = "/" + "/".join(folders)
    values = [pattern.value_in(path) for pattern, _ in TABLE._patterns]
    at = next((value for value in values if value is not None), None)
    if path not in TABLE.exact():
        value = found(path)
        assert (list(value[1].values()) if value is not None else [None]) == [at]


def test_only_patterns_that_begin_like_the_path_are_tried() -> None:
    many = [route(f"/folder{number}/x/{{id:path}}") for number in range(200)]
    table = RouteTable([*many, route("/{id}"), route("/folder7/{id}/about")])
    assert len(table._near("/folder7/x/1")) == 3
    assert len(table._near("/nowhere/at/all")) == 1
