"""A frame is its data and, if there was one, its event name."""

from headgate.base.frames import Frame


def test_event_name_is_empty_unless_told() -> None:
    assert Frame(b"{}") == (b"{}", "")
    assert Frame(b"{}", "ping").event == "ping"
