"""Stages are joined once and stay as they are; what changes is inside of them."""

import pytest

from headgate.base.clock import ManualClock
from tests.facts import key
from tests.relay.upstreams import FakePool, stages


def test_stages_are_not_exchanged_under_a_running_request() -> None:
    joined = stages(FakePool(), key([]))
    with pytest.raises(AttributeError):
        joined.clock = ManualClock()  # type: ignore[misc]  # that it cannot be set is the point
