from __future__ import annotations

from headgate.lab.plan import Send, stream, whole


def test_a_whole_answer_declares_its_length() -> None:
    plan = whole(b"{}", status=400, extra=(("retry-after", "1"),))
    assert (plan.status, plan.length, plan.steps) == (400, 2, (Send(b"{}"),))
    assert plan.headers == (("content-type", "application/json"), ("retry-after", "1"))


def test_a_stream_has_a_write_for_each_piece_and_no_length() -> None:
    plan = stream([b"a", b"b"])
    assert (plan.length, plan.steps) == (None, (Send(b"a"), Send(b"b")))
