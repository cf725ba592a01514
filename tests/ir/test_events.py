from __future__ import annotations

import gc

from headgate.ir.events import Ended, Finished, PartDelta, PartEnded, PartStarted, Started
from headgate.ir.reply import Finish
from headgate.ir.request import Text
from headgate.ir.usage import Usage


def test_events_of_the_first_choice_need_not_say_so() -> None:
    assert PartStarted(0, Text(text="")).choice == 0
    assert PartDelta(0, "a") == PartDelta(0, "a", choice=0)
    assert Finished(Finish(reason="stop")).choice == 0


def test_events_compare_by_what_they_say() -> None:
    assert Ended(Usage(output=1)) == Ended(Usage(output=1))
    assert PartDelta(0, "a") != PartDelta(1, "a")


def test_the_most_frequent_small_events_are_no_work_for_the_garbage_collector() -> None:
    assert not gc.is_tracked(PartEnded(0))
    assert not gc.is_tracked(Started(reply_id="r"))
