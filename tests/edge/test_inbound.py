"""The lower half alone: bytes in, requests out, whatever the cuts."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.config import Config
from uvicorn.server import ServerState

from headgate.base.clock import ManualClock
from headgate.base.failure import Failure
from headgate.edge.head import Head
from headgate.edge.inbound import Inbound
from headgate.edge.limits import Limits
from headgate.edge.routes import Match
from headgate.edge.shared import Shared
from headgate.edge.site import Site
from tests.edge.wire import ECHO

SITE = Site([ECHO])


class Taken(Inbound):
    """An upper half that only notes what it is given."""

    def __init__(self, loop: asyncio.AbstractEventLoop, **limits: Any) -> None:
        shared = Shared(SITE, Limits(**limits), ManualClock(), has_app=False)
        config = Config(ECHO.handler, ws="none", lifespan="off", log_config=None)
        super().__init__(shared, config, ServerState(), {}, loop)
        self.bodies: list[bytes] = []
        self.refusals: list[Failure] = []

    def _take(self, head: Head, match: Match, body: bytes) -> None:
        self.bodies.append(body)

    def _hand_to_app(self, head: Head) -> None:
        raise AssertionError("there is no app")

    def _refuse(self, failure: Failure) -> None:
        self._deaf = True
        self.refusals.append(failure)

    def _make_last(self) -> None:
        self._last = True

    def _on_due(self) -> None:
        raise AssertionError("no deadline can pass: the loop does not run")


def chunked(body: bytes, size: int) -> bytes:
    """A request whose body comes in chunks of a size."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + chunks + b"0\r\n\r\n"


def measured(body: bytes) -> bytes:
    return b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def read(data: bytes, cuts: list[int]) -> Taken:
    """Feed the data, cut at these places."""
    loop = asyncio.new_event_loop()
    try:
        inbound = Taken(loop)
        edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
        for start, end in pairwise(edges):
            inbound.data_received(data[start:end])
        return inbound
    finally:
        loop.close()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.binary(max_size=20_000), st.integers(0, 5_000)), max_size=4),
    st.lists(st.integers(0, 1 << 20), max_size=6),
)
def test_requests_are_the_same_wherever_the_bytes_are_cut(
    requests: list[tuple[bytes, int]], cuts: list[int]
) -> None:
    wire = b"".join(chunked(body, size) if size else measured(body) for body, size in requests)
    inbound = read(wire, cuts)
    assert inbound.refusals == []
    assert inbound.bodies == [body for body, _ in requests]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 1 << 20), max_size=4))
def test_noise_is_refused_once_or_waited_for(noise: bytes, cuts: list[int]) -> None:
    inbound = read(noise, cuts)
    assert inbound.bodies == []
    assert len(inbound.refusals) <= 1


HIDDEN = measured(b"POST /echo HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n")
LENGTH_LINE = range(HIDDEN.index(b"Content-Length"), HIDDEN.index(b"\r\n\r\n"))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(HIDDEN) - 1).filter(lambda at: at not in LENGTH_LINE), st.binary())
def test_wrong_bytes_never_make_two_requests_of_one(position: int, wrong: bytes) -> None:
    """Whatever stands in the head, what the length covers is a body."""
    wire = HIDDEN[:position] + wrong[:1] + HIDDEN[position + 1 :]
    assert len(read(wire, []).bodies) <= 1
