"""Which bodies are spooled, and what becomes of them."""

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.edge.body import Budget
from headgate.edge.limits import Limits
from headgate.edge.upload import Upload, begin_upload

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
