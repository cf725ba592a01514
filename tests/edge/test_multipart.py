"""Forms with files, in any pieces, whole and broken (reliability.md F-C24, F-C25)."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.failure import FailureKind, RelayError
from headgate.edge.body import Budget
from headgate.edge.multipart import FormReader, boundary_of, is_form
from headgate.edge.spool import Spool
from headgate.relay.form import Form

CRLF = b"\r\n"


def part(content: bytes, *head: str) -> bytes:
    return b"--b\r\n" + "".join(line + "\r\n" for line in head).encode() + CRLF + content + CRLF


def field(name: str, content: bytes) -> bytes:
    return part(content, f'Content-Disposition: form-data; name="{name}"')


def upload(name: str, content: bytes, filename: str = "a.wav") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"'
    return part(content, disposition, "Content-Type: audio/wav")


END = b"--b--\r\n"


def read(*pieces: bytes) -> Form:
    spool = Spool(1 << 30, lambda _: None, Budget(0))
    reader = FormReader(b"b", spool)
    for piece in pieces:
        reader.feed(piece)
    return reader.form()


def contents(form: Form) -> list[tuple[str, bytes, bool]]:
    return [(p.name, form.store.read(p.start, p.stop), p.is_text) for p in form.parts]


def refusal(*pieces: bytes) -> str:
    with pytest.raises(RelayError) as caught:
        read(*pieces)
    assert caught.value.failure.rule.status in (400, 413)
    return caught.value.failure.message


def test_parts_are_told_apart() -> None:
    form = read(upload("file", b"RIFF\r\n--x"), field("model", b"whisper-1"), END)
    assert contents(form) == [("file", b"RIFF\r\n--x", False), ("model", b"whisper-1", True)]
    assert form.size == 9 + 9
    assert form.parts[0].head == (
        b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n'
        b"Content-Type: audio/wav\r\n"
    )


@given(
    content=st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--b", b"\r\n--", b"x"])).map(b"".join),
    cuts=st.lists(st.integers(0, 300), max_size=8),
)
def test_any_split_gives_the_same_form(content: bytes, cuts: list[int]) -> None:
    if b"\r\n--b" in CRLF + content + CRLF:
        content = content.replace(b"b", b"c")
    body = upload("file", content) + field("model", b"m") + END + b"epilogue"
    edges = sorted({0, len(body), *(cut % len(body) for cut in cuts)})
    pieces = [body[start:end] for start, end in pairwise(edges)]
    assert contents(read(*pieces)) == [("file", content, False), ("model", b"m", True)]


def test_every_byte_by_itself_gives_the_same_form() -> None:
    body = upload("file", b"a\r\n--\r\n-") + field("model", b"m") + END
    assert contents(read(*(body[i : i + 1] for i in range(len(body))))) == contents(read(body))


def test_form_without_parts_is_empty() -> None:
    assert read(END).parts == ()


@pytest.mark.parametrize(
    ("disposition", "name", "is_text"),
    [
        ('form-data; name="a"', "a", True),
        ("form-data; name=a", "a", True),
        ('Form-Data;name="a" ; filename=""', "a", False),
        ("form-data; filename*=UTF-8''x; name=\"a\"", "a", False),
        (r'form-data; name="a\"b"; filename="C:\dir\x.wav"', 'a"b', False),
        ('form-data; name="é"; filename="ü;x=y.wav"', "é", False),
    ],
)
def test_names_are_read_as_clients_write_them(disposition: str, name: str, is_text: bool) -> None:
    form = read(part(b"1", f"Content-Disposition: {disposition}"), END)
    assert contents(form) == [(name, b"1", is_text)]


@pytest.mark.parametrize(
    "head",
    [
        (),
        ("Content-Type: text/plain",),
        ("Content-Disposition: form-data",),
        ('Content-Disposition: attachment; name="a"',),
        ('Content-Disposition: form-data; name="a"; name="model"',),
        ('Content-Disposition: form-data; name="a"; NAME="model"',),
        ("Content-Disposition: form-data; name=\"a\"; name*=UTF-8''model",),
        ('Content-Disposition: form-data; name="a" model',),
        ('Content-Disposition: form-data; name="a',),
        ('Content-Disposition: form-data; name="a"', 'Content-Disposition: form-data; name="b"'),
        ('Content-Disposition: form-data; name="a\0"',),
        ('Content-Disposition: form-data; name="mo\\del"',),
        ('Content-Disposition: form-data; name="mode\\\\l"',),
        ('Content-Disposition: form-data; name="a"\nX: y',),
    ],
)
def test_part_that_can_be_read_in_two_ways_is_refused(head: tuple[str, ...]) -> None:
    message = refusal(field("first", b""), part(b"1", *head), END)
    assert message.startswith("Part 2 of the multipart body cannot be read: ")


def test_part_in_another_encoding_is_no_plain_field() -> None:
    disposition = 'Content-Disposition: form-data; name="a"'
    form = read(
        part(b"1", disposition, "Content-Transfer-Encoding: base64"),
        part(b"2", disposition, "Content-Transfer-Encoding: 8bit"),
        END,
    )
    assert [each.is_text for each in form.parts] == [False, True]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Broken multipart body: it ends without its closing boundary (byte 0)."),
        (
            field("a", b"1"),
            "Broken multipart body: it ends without its closing boundary (byte 52, part 1).",
        ),
        (
            b"hello" + END,
            "Broken multipart body: it does not begin with its boundary (byte 0).",
        ),
        (
            b"--b\r\nbad header\r\n\r\n",
            "Broken multipart body: Found invalid character 32 in header (byte 8, part 1).",
        ),
    ],
)
def test_broken_form_is_refused_with_the_place(body: bytes, message: str) -> None:
    assert refusal(body) == message
    if len(body) > 10:
        assert refusal(body[:7], body[7:]) == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"".join(field(f"f{i}", b"") for i in range(300)), "The form has more than 256 parts."),
        (field("a", bytes(1 << 20)) + field("b", bytes((1 << 20) + 1)), "`b` has more than"),
        (
            b"".join(field(f"f{i}", bytes(1 << 20)) for i in range(5)),
            "The form's fields have more than 4,194,304 bytes.",
        ),
        (part(b"", "X: " + "y" * 9000), "Maximum header size exceeded"),
        (part(b"", *(f"X{i}: y" for i in range(17))), "Maximum header count exceeded"),
    ],
)
def test_form_of_too_much_is_refused(body: bytes, message: str) -> None:
    assert message in refusal(body + END)


def cpu_s(body: bytes) -> float:
    spool = Spool(1 << 30, lambda _: None, Budget(0))
    reader = FormReader(b"b", spool)
    began_s = time.process_time()
    for start in range(0, len(body), 65536):
        reader.feed(body[start : start + 65536])
    return time.process_time() - began_s


@pytest.mark.parametrize("trap", [b"\r\n--", b"\r", b"\n--b", b"\r\n--X", b"\r\n-\r\n--"])
def test_content_full_of_near_boundaries_costs_little(trap: bytes) -> None:
    assert cpu_s(upload("file", trap * ((1 << 20) // len(trap)))) < 0.2


@pytest.mark.parametrize("trap", [b"\r\n--bX", b"\r\n--b-", b"\r\n--b \t"])
@pytest.mark.parametrize("step", [7, 1000, 1 << 20])
def test_content_full_of_boundaries_is_refused(trap: bytes, step: int) -> None:
    body = upload("file", trap * 1000)
    message = refusal(*(body[at : at + step] for at in range(0, len(body), step)))
    assert message.startswith("Broken multipart body: ")


def test_boundary_may_stand_in_a_file_a_few_times() -> None:
    content = b"\r\n--bX" * 60
    assert contents(read(upload("file", content), END)) == [("file", content, False)]


@pytest.mark.parametrize("mark", [b"\r\n", b"\n"])
def test_preamble_of_line_ends_costs_little(mark: bytes) -> None:
    assert cpu_s(mark * (1 << 20)) < 0.5


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        (b"multipart/form-data; boundary=abc", b"abc"),
        (b'multipart/form-data; charset=utf-8; boundary="a b=c"; x=y', b"a b=c"),
        (b"multipart/form-data;Boundary=----WebKitFormBoundaryX", b"----WebKitFormBoundaryX"),
    ],
)
def test_boundary_is_read_from_the_content_type(content_type: bytes, boundary: bytes) -> None:
    assert is_form(content_type)
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b'multipart/form-data; boundary=""',
        b"multipart/form-data; boundary=a<b",
        b"multipart/form-data; boundary=" + b"x" * 71,
    ],
)
def test_form_without_a_usable_boundary_is_refused(content_type: bytes) -> None:
    with pytest.raises(RelayError) as caught:
        boundary_of(content_type)
    assert caught.value.failure.kind is FailureKind.INVALID_REQUEST


@pytest.mark.parametrize(
    "content_type", [None, b"application/json", b"multipart/mixed; boundary=b"]
)
def test_other_bodies_are_no_forms(content_type: bytes | None) -> None:
    assert not is_form(content_type)


@given(
    st.lists(
        st.sampled_from(
            [
                field("model", b"whisper-1"),
                upload("file", b"RIFF" * 50),
                *(
                    b"--b",
                    b"--b--",
                    b"\r\n",
                    b"\r",
                    b"\n",
                    b"-",
                    b":",
                    b";",
                    b'"',
                    b"\\",
                    b"\0",
                    b"\xff",
                ),
                *(
                    b"Content-Disposition: form-data",
                    b'; name="a"',
                    b"; name*=UTF-8''x",
                    b"a" * 9000,
                ),
                *(b"Content-Transfer-Encoding: base64", b"Content-Type: x", END),
            ]
        )
        | st.binary(max_size=8),
        max_size=12,
    ),
    st.integers(1, 50),
)
def test_any_pieces_are_a_form_or_are_refused(pieces: list[bytes], size: int) -> None:
    data = b"".join(pieces)
    outcomes = []
    for cut in ([data], [data[at : at + size] for at in range(0, len(data), size)]):
        try:
            outcomes.append(contents(read(*cut)))
        except RelayError as error:
            assert error.failure.rule.status in (400, 413)
            outcomes.append([])
    assert outcomes[0] == outcomes[1]


@given(st.binary(max_size=120))
def test_any_content_type_names_a_boundary_or_is_refused(value: bytes) -> None:
    for content_type in (value, b"multipart/form-data; boundary=" + value):
        is_form(content_type)
        try:
            assert boundary_of(content_type)
        except RelayError as error:
            assert error.failure.kind is FailureKind.INVALID_REQUEST


def test_words_before_the_first_boundary_are_refused_however_they_are_cut() -> None:
    form = b':--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b--'
    for size in (1, 2, 7, len(form) + 2):
        data = b"\r\n" + form
        with pytest.raises(RelayError, match="does not begin with its boundary") as caught:
            read(*(data[at : at + size] for at in range(0, len(data), size)))
        assert caught.value.failure.http_status == 400
