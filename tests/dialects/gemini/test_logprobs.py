from __future__ import annotations

import pytest

from headgate.dialects.gemini.logprobs import decode_logprobs, encode_logprobs
from headgate.ir.request import Json

WIRE = {
    "chosenCandidates": [{"token": "Hé", "logProbability": -0.1}],
    "topCandidates": [
        {
            "candidates": [
                {"token": "Hé", "logProbability": -0.1},
                {"token": "x", "logProbability": -2.0},
            ]
        }
    ],
}


def test_probabilities_become_openais_object() -> None:
    chosen = {"token": "Hé", "logprob": -0.1, "bytes": [72, 195, 169]}
    other = {"token": "x", "logprob": -2.0, "bytes": [120]}
    assert decode_logprobs(WIRE) == {"content": [chosen | {"top_logprobs": [chosen, other]}]}


def test_probabilities_go_and_come_back() -> None:
    assert encode_logprobs(decode_logprobs(WIRE)) == WIRE


@pytest.mark.parametrize(
    "wire", [{}, {"chosenCandidates": None}, {"chosenCandidates": [], "topCandidates": [1]}]
)
def test_missing_lists_are_empty(wire: Json) -> None:
    assert decode_logprobs(wire) == {"content": []}
