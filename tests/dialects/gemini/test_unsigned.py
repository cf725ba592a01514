from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headgate.dialects.gemini.unsigned import signed

CALL: dict[str, Any] = {"functionCall": {"name": "f", "args": {}}}
MARK = {"thoughtSignature": "skip_thought_signature_validator"}
PROOF = {"thoughtSignature": "c2ln"}
TEXT = {"text": "hm"}
RESULT = {"functionResponse": {"name": "f", "response": {}}}


def model(*parts: Any) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts)}


def put(contents: Any) -> Any:
    return msgspec.json.decode(signed(msgspec.Raw(msgspec.json.encode(contents))))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([model(TEXT, CALL)], [model(TEXT, CALL | MARK)]),
        ([model(CALL, CALL)], [model(CALL | MARK, CALL)]),
        (
            [model(CALL | PROOF), {"role": "user", "parts": [RESULT]}, model(CALL)],
            [model(CALL | PROOF), {"role": "user", "parts": [RESULT]}, model(CALL | MARK)],
        ),
        (
            [model({"function_call": {"name": "f"}})],
            [model({"function_call": {"name": "f"}} | MARK)],
        ),
    ],
)
def test_the_first_call_of_a_content_is_signed(given: Any, expected: Any) -> None:
    assert put(given) == expected


@pytest.mark.parametrize(
    "text",
    [
        b'[ {"role": "model", "parts": [{"functionCall": {}, "thoughtSignature": "x"}]}]',
        b'[ {"parts": [{"functionCall": {}, "thought_signature": "x"}, {"functionCall": {}}]}]',
        b'[ {"parts": [{"text": "hi"}]}]',
        b'[ {"role": "user"}, {"parts": [{"text": "\\"functionCall\\""}]}]',
        b'[ {"parts": {"functionCall": 1}}]',
        b'{ "parts": [{"functionCall": 1}]}',
        b'"functionCall"',
    ],
)
def test_everything_else_stays_to_the_byte(text: bytes) -> None:
    assert bytes(signed(msgspec.Raw(text))) == text
