from __future__ import annotations

from typing import Any

import pytest

from headgate.lab.checks.gemini import BYPASSES
from tests.lab.checks.spoiling import Spoil, delete, displeasure, found, history, put, swap
from tests.lab.playing import opening

TEXT: Any = {"role": "user", "parts": [{"text": "well?"}]}
SIGNATURE = (3, "parts", 1, "thoughtSignature")


def test_a_good_history_tells_its_results() -> None:
    results = ('{"result":"result 1"}', '{"result":"result 2"}')
    assert found("gemini", history("gemini")).results == results


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (delete(2), "number of function response parts is equal"),
        (lambda m: m.insert(1, m[0] | {"role": "model"}), "immediately after a user turn"),
        (delete(1), "number of function response parts is equal"),
        (delete(4), "function response turn comes immediately after"),
        (swap(0, 1), "function call turn comes immediately after a user turn"),
        (lambda m: m[2]["parts"].append(m[2]["parts"][0]), "number of function response parts"),
        (lambda m: m.insert(2, TEXT), "number of function response parts"),
        (put("other", 2, "parts", 0, "functionResponse", "name"), "but found that of `other`"),
        (delete(2, "parts", 0, "functionResponse", "name"), "Name cannot be empty"),
        (put("text", 2, "parts", 0, "functionResponse", "response"), "protobuf.Struct"),
        (put("{}", 1, "parts", 0, "functionCall", "args"), "protobuf.Struct"),
    ],
)
def test_a_broken_history_is_refused(spoil: Spoil, message: str) -> None:
    assert message in displeasure("gemini", spoil)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (delete(*SIGNATURE), "function call `default_api:look` , position 4."),
        (put("", *SIGNATURE), "missing a thought_signature in functionCall parts"),
        (put("AAAA", *SIGNATURE), "Corrupted thought signature."),
        (put("another", 3, "parts", 1, "functionCall", "args", "city"), "Corrupted"),
    ],
)
def test_the_first_call_of_each_step_is_signed(spoil: Spoil, message: str) -> None:
    assert message in displeasure("gemini", spoil, sealed=True)


def test_a_new_question_ends_the_search_for_signatures() -> None:
    def spoil(contents: list[Any]) -> None:
        delete(*SIGNATURE)(contents)
        contents.append(TEXT)

    assert displeasure("gemini", spoil, sealed=True) == ""


def test_later_calls_of_a_step_need_no_signature_and_none_is_wrong() -> None:
    def spoil(contents: list[Any]) -> None:
        for content in contents[1:3]:
            content["parts"].append(dict(content["parts"][-1]))
        contents[1]["parts"][-1].pop("thoughtSignature")

    assert displeasure("gemini", spoil, sealed=True, calls=1) == ""


def test_a_signature_may_come_in_either_alphabet_of_base64() -> None:
    body = history("gemini", 9, sealed=True)
    parts = [part for content in body["contents"] for part in content["parts"]]
    signed = [part for part in parts if "thoughtSignature" in part]
    assert any("+" in part["thoughtSignature"] for part in signed)
    for part in signed:
        urlsafe = part["thoughtSignature"].replace("+", "-").replace("/", "_")
        part["thoughtSignature"] = urlsafe
    assert found("gemini", body, sealed=True).fault is None


@pytest.mark.parametrize("mark", BYPASSES)
def test_a_documented_bypass_is_counted(mark: str) -> None:
    body = history("gemini", 2, sealed=True)
    body["contents"][3]["parts"][1]["thoughtSignature"] = mark
    finding = found("gemini", body, sealed=True)
    assert (finding.fault, finding.bypassed) == (None, 1)
    assert found("gemini", opening("gemini"), sealed=True).bypassed == 0
