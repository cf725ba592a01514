"""The paths that callers may ask for."""

import pytest

from headgate.edge.doors import routes_of
from headgate.edge.routes import Route, RouteTable
from tests.facts import key, offer
from tests.relay.upstreams import FakePool, stages

ROUTES = routes_of(stages(FakePool(), key([offer("a")])))
TABLE = RouteTable(ROUTES)


def found(method: str, path: str) -> tuple[Route, dict[str, str]]:
    at = TABLE.methods_at(path)
    assert at is not None, path
    methods, params = at
    return methods[method], dict(params)


@pytest.mark.parametrize("root", ["/v1", "", "/v1/v1", "/openai/v1"])
@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/chat/completions", "openai_chat"),
        ("/responses", "openai_responses"),
        ("/messages", "anthropic"),
        ("/messages/count_tokens", "anthropic"),
        ("/edits", "openai_edits"),
        ("/audio/speech", "openai_chat"),
        ("/files", "openai_chat"),
        ("/responses/resp_1/cancel", "openai_responses"),
    ],
)
def test_path_is_there_however_the_client_writes_its_base(
    root: str, path: str, dialect: str
) -> None:
    route, _ = found("POST", root + path)
    assert route.dialect == dialect


@pytest.mark.parametrize("root", ["/v1beta", "/v1", "/v1alpha"])
@pytest.mark.parametrize("verb", ["generateContent", "streamGenerateContent", "countTokens"])
def test_gemini_names_the_model_in_the_path(root: str, verb: str) -> None:
    route, params = found("POST", f"{root}/models/team/gemini-3:{verb}")
    assert route.dialect == "gemini"
    assert params == {"model": "team/gemini-3"}


def test_one_model_is_told_from_a_question_to_it() -> None:
    route, params = found("GET", "/v1/models/gemini-3")
    assert (route.methods, params) == (("GET",), {"model": "gemini-3"})


@pytest.mark.parametrize(
    "path",
    [
        "/openai/deployments/gpt/chat/completions",
        "/openai/deployments/gpt/audio/transcriptions",
        "/v1/engines/gpt/embeddings",
    ],
)
def test_azure_and_old_clients_name_the_model_in_the_path(path: str) -> None:
    assert found("POST", path)[1] == {"model": "gpt"}


def test_sockets_share_their_path_with_ordinary_answers() -> None:
    route, _ = found("GET", "/v1/responses")
    assert route.websocket is not None
    assert found("POST", "/v1/responses")[0].websocket is None
