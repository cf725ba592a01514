"""What connections share."""

from __future__ import annotations

from headgate.base.clock import ManualClock
from headgate.edge.limits import Limits
from headgate.edge.shared import Shared
from headgate.edge.site import Site
from tests.edge.wire import ECHO


def test_date_follows_the_clock() -> None:
    clock = ManualClock(784111777.0)
    shared = Shared(Site([ECHO]), Limits(), clock, has_app=False)
    assert shared.date_line == b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    clock.advance(60)
    shared.tell_time()
    assert shared.date_line == b"date: Sun, 06 Nov 1994 08:50:37 GMT\r\n"
