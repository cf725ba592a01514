"""Values that were passed over at the door, and are looked at later."""

import msgspec
import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.dialects.fields import decoded_fields, field


def fields(body: bytes) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(body, type=dict[str, msgspec.Raw])


def test_a_field_is_decoded_when_it_is_asked_for() -> None:
    sent = fields(b'{"n":[1],"none":null}')
    assert field(sent, "n") == [1]
    assert field(sent, "none") is None
    assert field(sent, "absent") is None
    assert decoded_fields(sent) == {"n": [1], "none": None}


@pytest.mark.parametrize("value", [b"1e999", b'{"a":[-1e999]}', b"9" * 5000])
def test_a_number_without_end_is_the_callers_mistake(value: bytes) -> None:
    for read in (lambda sent: field(sent, "n"), decoded_fields):
        with pytest.raises(RelayError) as caught:
            read(fields(b'{"n":%b}' % value))
        assert caught.value.failure.kind is FailureKind.INVALID_REQUEST
        assert caught.value.failure.param == "n"
