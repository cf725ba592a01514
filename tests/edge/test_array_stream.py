"""A Gemini stream as one array: nothing but whole elements, and always a valid end."""

import msgspec

from headgate.edge.array_stream import ArrayStream
from headgate.edge.responder import Duct, Responder


class Outlet:
    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def answered(self) -> None:
        self.written += b"|"

    def broken(self, *, reset: bool) -> None:
        raise AssertionError("nothing breaks here")

    def switched(self, duct: Duct) -> None:
        raise AssertionError("nothing switches here")


def array_of(*pieces: bytes) -> list[object]:
    outlet = Outlet()
    responder = Responder(outlet, b"", keep_alive=True, mute=False, http_1_0=True)
    responder.start(200, [], None)
    stream = ArrayStream(responder)
    for piece in pieces:
        stream.send(piece)
    assert not stream.paused
    stream.end()
    body, _, rest = outlet.written.partition(b"\r\n\r\n")[2].partition(b"|")
    assert rest == b""
    found: list[object] = msgspec.json.decode(body)
    return found


def test_events_become_elements_wherever_the_pieces_are_cut() -> None:
    stream = b': keepalive\n\ndata: {"a":1}\n\ndata: {"b":"]"}\n\n'
    wanted = [{"a": 1}, {"b": "]"}]
    assert array_of(stream) == wanted
    assert array_of(*(stream[i : i + 1] for i in range(len(stream)))) == wanted


def test_stream_without_events_is_an_empty_array() -> None:
    assert array_of() == []
