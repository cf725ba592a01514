from __future__ import annotations

from typing import Any

import pytest

from headgate.lab.journal import JOURNAL_BYTES_MAX, NAMES_MAX, REQUESTS_MAX, Journal, Received


def received(number: int = 1, body: bytes = b"", **more: Any) -> Received:
    fields: dict[str, Any] = {"method": "POST", "path": "/", "place": "p", "model": "m"}
    fields |= {"number": number, "body": body, "body_length": len(body)} | more
    return Received(arrived_at=0.0, query={}, headers={}, **fields)


def test_only_the_last_requests_are_kept() -> None:
    journal = Journal()
    for number in range(REQUESTS_MAX + 5):
        journal.add(received(number))
    assert [row.number for row in journal] == list(range(5, REQUESTS_MAX + 5))


def test_the_bodies_are_bounded_together() -> None:
    journal = Journal()
    for number in range(5):
        journal.add(received(number, bytes(JOURNAL_BYTES_MAX // 4)))
    assert [row.number for row in journal] == [1, 2, 3, 4]


def test_what_is_open_and_what_was_left_is_counted() -> None:
    journal = Journal()
    streamed, left = received(stream=True), received(stream=True)
    journal.opened(streamed)
    journal.opened(left)
    assert (journal.counters.answers_open, journal.counters.streams_open) == (2, 2)
    left.disconnected = True
    journal.closed(streamed)
    journal.closed(left)
    counters = journal.counters
    assert (counters.answers_open, counters.streams_open) == (0, 0)
    assert (counters.requests, counters.cancelled, counters.cancelled_streams) == (2, 1, 1)
    assert (counters.by_place["p"], counters.by_model["m"]) == (2, 2)


def test_names_beyond_the_bound_share_a_counter() -> None:
    journal = Journal()
    for number in range(NAMES_MAX + 3):
        journal.opened(received(model=f"m{number}"))
    assert len(journal.counters.by_model) == NAMES_MAX + 1
    assert journal.counters.by_model["(other)"] == 3


def test_clearing_forgets_totals_but_not_what_is_open() -> None:
    journal = Journal()
    journal.add(received())
    journal.opened(received(stream=True))
    journal.clear()
    assert list(journal) == []
    assert (journal.counters.requests, journal.counters.streams_open) == (0, 1)


@pytest.mark.parametrize(
    ("body", "shown"), [(b'{"a":1}', {"a": 1}), (b"\xff", "\N{REPLACEMENT CHARACTER}")]
)
def test_a_body_is_shown_as_json_or_as_text(body: bytes, shown: object) -> None:
    assert received(body=body).view()["body"] == shown


def test_a_body_decodes() -> None:
    assert received(body=b'{"a":1}').json == {"a": 1}
