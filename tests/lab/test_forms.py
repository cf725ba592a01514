from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.lab.forms import KEPT_MAX, PARTS_MAX, Form, FormReader, boundary_of
from tests.lab.asking import form


def read(data: bytes, boundary: bytes = b"lab", step: int = 0) -> Form:
    reader = FormReader(boundary)
    step = step or max(1, len(data))
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
    return reader.close()


def test_each_part_is_counted_and_hashed() -> None:
    sound = bytes(range(256)) * 10
    data = form(("model", "whisper-1"), ("file", "a b.mp3", "audio/mpeg", sound))
    found = read(data)
    model, file = found.parts
    assert (model.name, model.filename, model.value) == ("model", None, "whisper-1")
    assert (file.filename, file.content_type, file.size) == ("a b.mp3", "audio/mpeg", 2560)
    assert file.sha256 == hashlib.sha256(sound).hexdigest()
    assert (file.data, file.whole, found.problem) == (sound, True, "")
    assert found.sha256 == hashlib.sha256(data).hexdigest()


@given(st.binary(max_size=200), st.integers(1, 40))
def test_how_the_bytes_are_cut_makes_no_difference(content: bytes, step: int) -> None:
    data = form(("a", "1"), ("file", "f", "x/y", content))
    assert read(data, step=step) == read(data)


def test_only_the_head_of_a_large_file_is_kept() -> None:
    content = b"ab" * (KEPT_MAX // 2) + b"tail"
    part = read(form(("file", "f", "x/y", content)), step=1 << 16).parts[0]
    assert (part.size, len(part.data), part.whole) == (KEPT_MAX + 4, KEPT_MAX, False)
    assert part.sha256 == hashlib.sha256(content).hexdigest()


def test_a_note_shows_values_and_no_file() -> None:
    field, file = read(form(("n", "2"), ("file", "f", "x/y", b"abc"))).parts
    assert field.note()["value"] == "2"
    assert "value" not in file.note()
    assert file.note()["size"] == 3


def test_fields_read_like_a_json_body() -> None:
    data = form(("a", "1"), ("b[]", "x"), ("b[]", "y"), ("c", "1"), ("c", "2"), ("f", "f", "", b""))
    assert read(data).fields() == {"a": "1", "b": ["x", "y"], "c": ["1", "2"]}


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", form(("a", "1"))[:-6], form(("a", "1"), boundary=b"other")]
)
def test_a_malformed_form_is_a_problem_and_no_exception(data: bytes) -> None:
    assert read(data).problem


def test_too_many_parts_are_a_problem() -> None:
    found = read(form(*(("a", "1") for _ in range(PARTS_MAX + 1))))
    assert "parts" in found.problem
    assert len(found.parts) == PARTS_MAX


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        (b"multipart/form-data; boundary=abc", b"abc"),
        (b'Multipart/Form-Data; boundary="a b"', b"a b"),
        (b"multipart/form-data", None),
        (b"multipart/mixed; boundary=abc", None),
        (b"application/json", None),
    ],
)
def test_the_header_tells_the_boundary(kind: bytes, boundary: bytes | None) -> None:
    assert boundary_of(kind) == boundary
