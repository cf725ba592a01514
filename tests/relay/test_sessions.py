"""Which session a request belongs to, and where that was served last."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.providers.provider import Operation
from headgate.relay.sessions import Session, Sessions, session_of
from headgate.routing.failover import Attempt
from tests.calls import HELLO, call
from tests.facts import channel, offer

SESSION = Session("key1", "gpt", "s-1")


def name_of(
    headers: dict[str, str] | None = None, /, operation: Operation = Operation.CHAT, **body: Any
) -> str | None:
    """Tell the session that a request names."""
    sent = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    asked = call({"model": "gpt", "messages": HELLO} | body, headers=sent, operation=operation)
    found = session_of(asked, "key1")
    assert found is None or found[:2] == ("key1", "gpt")
    return found.name if found is not None else None


@pytest.mark.parametrize(
    "header",
    [
        "x-claude-code-session-id",
        "session-id",
        "session_id",
        "x-session-id",
        "x-session-affinity",
        "x-opencode-session",
    ],
)
def test_clients_name_their_session_in_a_header(header: str) -> None:
    assert name_of({"accept": "*/*", header: "s-1"}) == "s-1"


def test_cache_key_of_the_body_names_a_session() -> None:
    assert name_of(prompt_cache_key="s-1") == "s-1"


@pytest.mark.parametrize(
    "user_id",
    [
        '{"device_id":"d","account_uuid":"","session_id":"s-1"}',
        "user_0a1b_account__session_s-1",
    ],
    ids=["since 2026", "before"],
)
def test_claude_codes_user_id_holds_a_session(user_id: str) -> None:
    assert name_of(metadata={"user_id": user_id}) == "s-1"


@pytest.mark.parametrize(
    "user_id", ["user-1", "session", "{session", '{"session":"s-1"}', '{"session_id":1}', 7, None]
)
def test_any_other_user_id_is_none(user_id: Any) -> None:
    assert name_of(metadata={"user_id": user_id, "about": "session"}) is None


def test_what_says_most_about_one_conversation_counts() -> None:
    several = {"x-session-affinity": "b", "x-claude-code-session-id": "a", "session-id": ""}
    assert name_of(several, prompt_cache_key="c") == "a"
    assert name_of({"session-id": ""}, prompt_cache_key="c") == "c"
    assert name_of(prompt_cache_key=None, metadata={"user_id": "u_session_d"}) == "d"


@pytest.mark.parametrize("value", [None, 7, "", {"a": 1}, "x" * 257])
def test_what_is_no_name_is_no_session(value: Any) -> None:
    assert name_of(prompt_cache_key=value) is None


def test_request_that_says_nothing_has_no_session() -> None:
    assert name_of() is None
    assert name_of({"x-request-id": "1"}, metadata={"tag": "x"}) is None


def test_connection_is_a_session_unless_its_requests_name_one() -> None:
    found = session_of(call(connection="ws-1"), "key1")
    assert found == Session("key1", "gpt", "ws-1")
    found = session_of(call(connection="ws-1", headers=[(b"session-id", b"s-1")]), "key1")
    assert found == Session("key1", "gpt", "s-1")


@pytest.mark.parametrize("operation", [Operation.COUNT_TOKENS, Operation.COMPACT])
def test_all_that_reads_a_conversation_is_part_of_its_session(operation: Operation) -> None:
    assert name_of({"session-id": "s-1"}, operation) == "s-1"


@pytest.mark.parametrize("operation", [Operation.EMBEDDINGS, Operation.IMAGES])
def test_what_nobody_caches_has_no_session(operation: Operation) -> None:
    assert name_of({"session-id": "s-1"}, operation) is None


@given(st.text(max_size=300))
def test_any_text_is_a_name_or_none(text: str) -> None:
    named = name_of(prompt_cache_key=text)
    assert named == (text if 0 < len(text) <= 256 else None)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.just("a_session_b"),
        lambda inner: st.lists(inner) | st.dictionaries(st.just("user_id") | st.text(), inner),
    )
)
def test_nothing_in_metadata_breaks_a_request(metadata: Any) -> None:
    assert name_of(metadata=metadata) in (None, *_texts(metadata))


def _texts(value: Any) -> list[str]:
    found = value.get("user_id") if isinstance(value, dict) else None
    return [found.partition("_session_")[2]] if isinstance(found, str) else []


def attempt(name: str, label: str, model: str = "gpt") -> Attempt:
    of = offer(channel(name, ["k1", "k2"]), model)
    found = next(each for each in of.channel.credentials if each.label == label)
    return Attempt(offer=of, credential=found)


def test_session_has_the_seat_where_it_was_answered_last() -> None:
    sessions = Sessions()
    assert sessions.seat(SESSION, 0.0) is None
    for name, label, model in (("a", "k1", "gpt"), ("a", "k2", "gpt"), ("a", "k2", "g2")):
        sessions.note(SESSION, attempt(name, label, model), 0.0)
        seat = sessions.seat(SESSION, 0.0)
        assert seat is not None
        assert (seat.channel, seat.credential, seat.model) == (name, label, model)
    assert len(sessions) == 1


def test_sessions_of_keys_and_models_are_apart() -> None:
    sessions = Sessions()
    sessions.note(SESSION, attempt("a", "k1"), 0.0)
    assert sessions.seat(SESSION._replace(owner="key2"), 0.0) is None
    assert sessions.seat(SESSION._replace(model="other"), 0.0) is None


def test_seat_is_kept_for_an_hour_after_the_last_request() -> None:
    sessions = Sessions()
    sessions.note(SESSION, attempt("a", "k1"), 0.0)
    assert sessions.seat(SESSION, 3_000.0) is not None
    sessions.note(SESSION, attempt("a", "k1"), 6_000.0)
    assert sessions.seat(SESSION, 9_599.0) is not None
    assert sessions.seat(SESSION, 13_200.0) is None


def test_sessions_are_bounded() -> None:
    sessions = Sessions(most_bytes=10_000)
    for number in range(1000):
        sessions.note(SESSION._replace(name=f"s-{number}"), attempt("a", "k1"), 0.0)
    assert 0 < len(sessions) <= 20
    assert sessions.seat(SESSION._replace(name="s-999"), 0.0) is not None


def test_turns_of_sessions_differ() -> None:
    sessions = Sessions()
    turns = set()
    for number in range(100):
        session = SESSION._replace(name=f"s-{number}")
        sessions.note(session, attempt("a", "k1"), 0.0)
        seat = sessions.seat(session, 0.0)
        turns.add(seat.turn % 4 if seat else None)
    assert turns == {0, 1, 2, 3}


def test_odd_bytes_in_a_header_are_a_name_as_well() -> None:
    asked = call(headers=[(b"session-id", b"\xff\x00")])
    found = session_of(asked, "key1")
    assert found is not None
    assert msgspec.json.encode(found.name)
