from __future__ import annotations

import struct
import zlib

from headgate.lab.wires.eventstream import event, exception, message
from tests.lab.asking import messages


def test_a_frame_has_two_lengths_and_two_checksums() -> None:
    data = message({":a": "b"}, b"{}")
    assert data[:8] == struct.pack(">II", len(data), 7)
    assert data[8:12] == struct.pack(">I", zlib.crc32(data[:8]))
    assert data[12:19] == b"\x02:a\x07\x00\x01b"
    assert data[19:21] == b"{}"
    assert data[21:] == struct.pack(">I", zlib.crc32(data[:21]))


def test_events_and_exceptions_name_themselves() -> None:
    (first, payload), (second, _) = messages(
        event("messageStart", {"a": 1}) + exception("oops", {})
    )
    assert payload == b'{"a":1}'
    assert (first[":message-type"], first[":event-type"]) == ("event", "messageStart")
    assert (second[":message-type"], second[":exception-type"]) == ("exception", "oops")
