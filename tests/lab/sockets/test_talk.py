from __future__ import annotations

import inspect

from headgate.lab.sockets.realtime import Realtime
from headgate.lab.sockets.responses import Responses
from headgate.lab.sockets.talk import Talk


def test_both_endpoints_do_all_that_a_talk_does() -> None:
    wanted = {name for name, _ in inspect.getmembers(Talk, inspect.isfunction) if name[0] != "_"}
    assert len(wanted) == 7
    for kind in (Realtime, Responses):
        assert wanted <= {name for name, _ in inspect.getmembers(kind, inspect.isfunction)}
