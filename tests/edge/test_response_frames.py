from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.base.failure import Failure, FailureKind
from headgate.edge.response_frames import ResponseFrames, error_event


class Socket:
    """A socket that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.paused = False

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    async def drain(self) -> None:
        """Everything is taken at once."""


def frames() -> tuple[ResponseFrames, Socket]:
    socket: Any = Socket()
    return ResponseFrames(socket), socket


def sse(data: str, event: str = "") -> bytes:
    return (f"event: {event}\n" if event else "").encode() + f"data: {data}\n\n".encode()


def test_events_go_out_as_they_are_whatever_the_borders() -> None:
    out, socket = frames()
    stream = sse('{"type":"a", "n": 1.50}', "a") + b": keepalive\n\n" + sse('{"type":"b"}')
    for byte in stream:
        out.send(bytes([byte]))
    assert socket.sent == [b'{"type":"a", "n": 1.50}', b'{"type":"b"}']
    assert not out.is_over


def test_lane_is_added_to_an_event_with_blanks_before_it() -> None:
    out, socket = frames()
    out.lane = msgspec.Raw(b'"s1"')
    out.send(sse(' \t{"type":"a"}'))
    assert msgspec.json.decode(socket.sent[0]) == {"stream_id": "s1", "type": "a"}


def test_end_of_the_response_is_looked_at() -> None:
    out, _ = frames()
    out.send(sse('{"type":"response.completed","response":{"id":"r1","output":[{"a":1}]}}'))
    assert (out.is_over, out.response_id) == (True, "r1")
    assert [bytes(item) for item in out.output] == [b'{"a":1}']


@pytest.mark.parametrize("response", ['"odd"', "null", '{"id":1}', '{"output":"x"}'])
def test_odd_end_is_still_the_end(response: str) -> None:
    out, socket = frames()
    out.send(sse(f'{{"type":"response.incomplete","response":{response}}}'))
    assert (out.is_over, out.response_id, len(socket.sent)) == (True, "", 1)


def test_errors_and_what_is_no_event_are_kept_back() -> None:
    out, socket = frames()
    out.send(sse('{"type":"error","message":"x"}') + sse("{}", "error") + sse("[DONE]"))
    assert (socket.sent, out.is_over) == ([], False)


def test_lane_is_on_every_event_and_the_loss_on_the_first() -> None:
    out, socket = frames()
    out.lane, out.note = msgspec.Raw(b'"a\\"b"'), 'seed, "x"'
    out.send(sse('{"type":"a"}') + sse('{"type":"b"}'))
    assert [msgspec.json.decode(each) for each in socket.sent] == [
        {"type": "a", "stream_id": 'a"b', "x_headgate_loss": 'seed, "x"'},
        {"type": "b", "stream_id": 'a"b'},
    ]


def test_failure_has_its_status_and_says_when_to_try_again() -> None:
    failure = Failure(kind=FailureKind.RATE_LIMITED, message="Too many", retry_after_s=6.2)
    told = msgspec.json.decode(error_event(failure, "r1"))
    assert (told["type"], told["status"]) == ("error", 429)
    assert told["headers"] == {"retry-after": "7", "retry-after-ms": "6200"}
    assert (told["error"]["message"], told["error"]["code"]) == ("Too many", "rate_limit_exceeded")


def test_upstreams_own_error_goes_on() -> None:
    body = b'{"error":{"message":"m","type":"t","code":"c","param":null,"extra":1}}'
    failure = Failure(kind=FailureKind.INVALID_REQUEST, message="m", upstream_body=body)
    told = msgspec.json.decode(error_event(failure, "r1"))
    assert told["error"] == msgspec.json.decode(body)["error"]
    assert "headers" not in told


def test_upstreams_error_in_another_shape_is_spelled_anew() -> None:
    failure = Failure(kind=FailureKind.INVALID_REQUEST, message="m", upstream_body=b'{"detail":1}')
    assert msgspec.json.decode(error_event(failure, "r1"))["error"]["message"] == "m"


def test_refusal_ends_the_request() -> None:
    out, socket = frames()
    out.refuse(Failure(kind=FailureKind.INTERNAL, message="m"), "r1")
    assert out.is_over
    assert msgspec.json.decode(socket.sent[0])["status"] == 500
