from __future__ import annotations

from typing import Any

import pytest
from msgspec import json

from headgate.lab.journal import (
    BODY_BYTES_MAX,
    FRAME_BYTES_MAX,
    FRAMES_MAX,
    JOURNAL_BYTES_MAX,
    NAMES_MAX,
    REQUESTS_MAX,
    FormNote,
    FrameNote,
    Journal,
    Received,
)


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


def test_frames_are_kept_small_and_counted() -> None:
    journal = Journal()
    socket = received()
    journal.add(socket)
    journal.note(socket, FrameNote("text", 2, "hash", {}))
    journal.note(socket, FrameNote("text", FRAME_BYTES_MAX + 1, "hash", "long"))
    assert [frame.data for frame in socket.frames] == [{}, None]
    for _ in range(FRAMES_MAX):
        journal.note(socket, FrameNote("pong", 3, "hash", "lab"))
    assert (len(socket.frames), socket.frames_total) == (FRAMES_MAX, FRAMES_MAX + 2)


def test_the_frames_of_a_socket_are_bounded_together() -> None:
    journal = Journal()
    socket = received()
    journal.add(socket)
    for _ in range(200):
        journal.note(socket, FrameNote("text", FRAME_BYTES_MAX, "hash", "x"))
    kept = [frame for frame in socket.frames if frame.data is not None]
    assert len(kept) == BODY_BYTES_MAX // FRAME_BYTES_MAX


def test_a_forgotten_socket_weighs_nothing() -> None:
    journal = Journal()
    socket = received()
    journal.add(socket)
    journal.clear()
    journal.note(socket, FrameNote("text", 2, "hash", {}))
    assert (socket.frames_total, socket.frames[0].data) == (1, None)
    journal.add(received(2, bytes(JOURNAL_BYTES_MAX)))
    assert len(list(journal)) == 1


def test_the_view_shows_a_form_without_its_files() -> None:
    form = FormNote("hash", "", [{"name": "file", "size": 3, "sha256": "abc"}])
    shown = json.decode(json.encode(received(form=form).view()))
    assert shown["form"] == {"sha256": "hash", "problem": "", "parts": form.parts}


def test_the_values_of_forms_weigh() -> None:
    journal = Journal()
    half = FormNote("", "", [{"value": "x" * (JOURNAL_BYTES_MAX // 2)}])
    for number in range(3):
        journal.add(received(number, form=half))
    assert [row.number for row in journal] == [1, 2]


def test_displeasure_and_bypasses_are_counted_and_shown() -> None:
    journal = Journal()
    for row in (received(), received(displeasure="missing"), received(bypassed=2)):
        journal.opened(row)
    assert (journal.counters.displeased, journal.counters.bypassed) == (1, 2)
    assert received(displeasure="missing").view()["displeasure"] == "missing"
    journal.clear()
    assert (journal.counters.displeased, journal.counters.bypassed) == (0, 0)
