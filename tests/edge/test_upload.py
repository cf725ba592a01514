"""Which bodies are spooled, and what becomes of them."""

import pytest

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.body import Budget
from headgate.edge.caller_key import HeaderOf, key_in
from headgate.edge.limits import Limits
from headgate.edge.upload import Upload, begin_upload
from tests.edge.wire import echo, post, request, serving

FORM = b"multipart/form-data; boundary=b"


def begun(**fields: bytes) -> Upload | None:
    named = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    return begin_upload(named, Limits(), lambda _: None, Budget(1 << 30))


def test_form_is_read_and_thrown_away() -> None:
    upload = begun(content_type=FORM, content_encoding=b"identity")
    assert upload is not None
    for piece in (b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n', b"m\r\n--b--"):
        upload.feed(piece)
    form = upload.form()
    assert {name: bytes(raw) for name, raw in form.fields().items()} == {"model": b'"m"'}
    upload.close()
    with pytest.raises(RelayError):
        form.fields()


def test_other_bodies_are_not_spooled() -> None:
    assert begun() is None
    assert begun(content_type=b"application/json", content_encoding=b"gzip") is None


def test_packed_form_is_refused() -> None:
    with pytest.raises(RelayError) as caught:
        begun(content_type=FORM, content_encoding=b"gzip")
    assert caught.value.failure.kind is FailureKind.UNSUPPORTED_MEDIA


# ---------------------------------------------------------------------- strangers

LARGE = 65 * 1024
KNOWN = "Authorization: Bearer sk-1\r\n"
MULTIPART = "Content-Type: multipart/form-data; boundary=b\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"


def glance(header: HeaderOf, query: str) -> None:
    if key_in(header, query) != "sk-1":
        raise RelayError(Failure(kind=FailureKind.UNAUTHENTICATED, message="who is it"))


def head(target: str, *lines: str) -> bytes:
    return f"POST {target} HTTP/1.1\r\nHost: a\r\n{''.join(lines)}\r\n".encode()


@pytest.mark.parametrize("target", ["/upload", "/echo", "/nowhere"])
@pytest.mark.parametrize(
    "framing",
    [
        CHUNKED + MULTIPART,
        CHUNKED,
        f"Content-Length: {LARGE}\r\n" + MULTIPART,
        f"Content-Length: {LARGE}\r\nExpect: 100-continue\r\n",
    ],
)
async def test_stranger_is_refused_before_its_body_is_read(target: str, framing: str) -> None:
    async with serving(post("/upload", echo, upload=True), glance=glance) as place:
        answer = await place.ask(head(target, framing))
        assert answer.status == 401


async def test_what_a_stranger_sends_on_is_nobodys_request() -> None:
    async with serving(glance=glance) as place:
        smuggled = b"5\r\nhello\r\n0\r\n\r\n" + request("POST", "/echo", b"second", KNOWN)
        sent = head("/echo", CHUNKED) + smuggled
        answers = await place.exchange(sent)
        assert answers.count(b"HTTP/1.1 ") == 1
        assert answers.startswith(b"HTTP/1.1 401")


async def test_known_key_may_send_much_and_a_little_needs_none_here() -> None:
    async with serving(glance=glance) as place:
        large = await place.ask(request("POST", "/echo", b"x" * LARGE, KNOWN))
        by_query = await place.ask(request("POST", "/echo?key=sk-1", b"x" * LARGE))
        small = await place.ask(request("POST", "/echo", b"x" * 1024))
        assert (large.status, by_query.status, small.status) == (200, 200, 200)


async def test_stranger_keeps_its_turn_behind_another_request() -> None:
    async with serving(glance=glance) as place:
        caller = await place.call()
        await caller.send(request("POST", "/echo", b"first", KNOWN) + head("/echo", CHUNKED))
        assert [(await caller.answer()).status for _ in range(2)] == [200, 401]
