"""A form's fields as a JSON body would have them, and the body that is made of its parts."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.relay.form import Form, FormBody, Part


class Kept:
    """A store in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, start: int, stop: int) -> bytes:
        return self._data[start:stop]

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        for at in range(start, stop, 70_000):
            yield self._data[at : min(stop, at + 70_000)]


def form(*parts: tuple[str, bytes] | tuple[str, bytes, str]) -> Form:
    """Make a form of (name, content), and (name, content, file name) for files."""
    made, data = [], b""
    for name, content, *filename in parts:
        head = f'Content-Disposition: form-data; name="{name}"'
        if filename:
            head += f'; filename="{filename[0]}"\r\nContent-Type: audio/wav'
        made.append(
            Part(
                name=name,
                head=head.encode() + b"\r\n",
                start=len(data),
                stop=len(data) + len(content),
                is_text=not filename,
            )
        )
        data += content
    return Form(parts=tuple(made), store=Kept(data), size=len(data))


def fields(of: Form) -> dict[str, Any]:
    return {name: msgspec.json.decode(value) for name, value in of.fields().items()}


def test_plain_fields_are_read_and_files_are_not() -> None:
    made = form(("model", b"whisper-1"), ("file", b"RIFF", "a.wav"), ("prompt", 'é"'.encode()))
    assert fields(made) == {"model": "whisper-1", "prompt": 'é"'}


def test_flags_and_counts_have_the_types_of_a_json_body() -> None:
    made = form(("stream", b"True"), ("n", b"2"), ("temperature", b"0.5"), ("user", b"true"))
    assert fields(made) == {"stream": True, "n": 2, "temperature": "0.5", "user": "true"}
    assert fields(form(("stream", b"0"), ("n", b"two"))) == {"stream": False, "n": "two"}


def test_repeated_fields_are_left_alone() -> None:
    made = form(("a[]", b"1"), ("a[]", b"2"), ("a[]", b"3"), ("b", b"4"))
    assert fields(made) == {"b": "4"}


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (form(("model", b"a"), ("model", b"b")), "`model` is given twice"),
        (form(("model", b"a", "a.txt")), "`model` must be a plain field, not a file"),
        (form(("model", b"\xff")), "`model` is not UTF-8"),
        (form(("stream", b"true"), ("x", b""), ("stream", b"false")), "`stream` is given twice"),
    ],
)
def test_what_decides_over_routing_must_be_unambiguous(made: Form, message: str) -> None:
    with pytest.raises(RelayError) as caught:
        made.fields()
    assert caught.value.failure.kind is FailureKind.INVALID_REQUEST
    assert caught.value.failure.message == message


def test_body_holds_the_same_parts_with_the_changed_fields() -> None:
    made = form(("file", b"RIFF\r\n--x", "a.wav"), ("model", b"alias"), ("user", b"me"))
    body = FormBody(made, {"model": ["whisper-up"], "user": [], "extra": ["1", "2"]})
    kind, _, boundary = body.content_type.partition("; boundary=")
    assert kind == "multipart/form-data"
    line = f"--{boundary}\r\n"
    assert b"".join(body.pieces()).decode() == (
        f'{line}Content-Disposition: form-data; name="file"; filename="a.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\nRIFF\r\n--x\r\n"
        f'{line}Content-Disposition: form-data; name="model"\r\n\r\nwhisper-up\r\n'
        f'{line}Content-Disposition: form-data; name="extra"\r\n\r\n1\r\n'
        f'{line}Content-Disposition: form-data; name="extra"\r\n\r\n2\r\n'
        f"--{boundary}--\r\n"
    )
    assert len(body) == sum(map(len, body.pieces()))


def test_body_can_be_given_again_and_in_few_pieces() -> None:
    content = bytes(range(256)) * 2000
    body = FormBody(form(("model", b"a"), ("file", content, "f"), ("user", b"u")), {})
    first, second = list(body.pieces()), list(body.pieces())
    assert first == second
    assert content in b"".join(first)
    assert len(first) == 9  # eight of the file, and what is before it


def test_no_caller_can_guess_the_boundary() -> None:
    made = form(("model", b"a"))
    boundaries = {FormBody(made, {}).content_type[-32:] for _ in range(20)}
    assert len({boundary[:8] for boundary in boundaries}) == 20


def test_operators_field_names_cannot_break_out() -> None:
    body = b"".join(FormBody(form(), {'a"\r\nx': ["1"]}).pieces())
    assert b'name="a%22%0D%0Ax"\r\n\r\n1\r\n' in body
