from __future__ import annotations

import base64

import pytest

from headgate.lab.wires.seals import CLAUDE, GEMINI, MARKS, OPENAI, envelope, is_seal, opened, seal


@pytest.mark.parametrize("vendor", MARKS)
def test_a_seal_belongs_to_one_text_of_one_vendor(vendor: str) -> None:
    signature = seal(vendor, "Grüße")
    assert is_seal(vendor, "Grüße", signature)
    assert not is_seal(vendor, "Grüsse", signature)
    assert not any(is_seal(other, "Grüße", signature) for other in MARKS if other != vendor)
    assert not is_seal(vendor, "Grüße", None)


@pytest.mark.parametrize("vendor", MARKS)
def test_an_envelope_opens_for_its_vendor_if_it_is_whole(vendor: str) -> None:
    data = envelope(vendor, "Grüße")
    assert opened(vendor, data) == "Grüße"
    assert "Gr" not in data
    assert not any(opened(other, data) for other in MARKS if other != vendor)
    raw = base64.urlsafe_b64decode(data)
    for damaged in (raw[:-1], raw + b"x", raw[:9] + b"x" + raw[10:], b""):
        assert opened(vendor, base64.urlsafe_b64encode(damaged).decode()) is None
    for nonsense in (None, 7, "", "?", "Ä", seal(vendor, "Grüße")):
        assert opened(vendor, nonsense) is None


def test_signatures_look_like_those_of_their_vendors() -> None:
    assert seal(CLAUDE, "x").startswith("E")
    assert seal(GEMINI, "x").startswith("CiQB")
    assert envelope(OPENAI, "x").startswith("gAAAA")
