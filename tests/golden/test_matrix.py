"""What becomes of each feature between each front door and each wire: the files are the review.

`make golden` rewrites what is written beside the requests and replies.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headgate.dialects.bridge import DIALECTS, WIRES
from scripts.matrix import CHAT_WIRES, DOORS, FOLDER, Feature, features, reply_text, request_text

REWRITE = os.environ.get("HEADGATE_GOLDEN") == "rewrite"
REQUESTS = features("requests")
REPLIES = features("replies")
MOST_BYTES = 1_500_000  # more than that nobody would read


def check(path: Path, found: str) -> None:
    """Compare with the file, or write it."""
    if REWRITE:
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def name_of(feature: Feature) -> str:
    return feature.path.stem


@pytest.mark.parametrize("feature", REQUESTS, ids=name_of)
def test_a_request_becomes_what_is_written_beside_it(feature: Feature) -> None:
    check(feature.path.with_suffix(".txt"), request_text(feature))


@pytest.mark.parametrize("feature", REPLIES, ids=name_of)
def test_a_reply_becomes_what_is_written_beside_it(feature: Feature) -> None:
    check(feature.path.with_suffix(".txt"), reply_text(feature))


def test_the_matrix_is_whole() -> None:
    assert len(REQUESTS) >= 40
    assert {name for feature in REQUESTS for name in feature.bodies} >= set(DOORS)
    assert {name for feature in REPLIES for name in feature.bodies} >= set(CHAT_WIRES)
    assert set(CHAT_WIRES) == WIRES.keys() - {"openai_completions"}
    assert set(DOORS) == DIALECTS.keys() - {"openai_completions", "openai_edits"}


def test_no_text_is_left_of_a_feature_that_is_gone() -> None:
    texts = {path.with_suffix("") for path in FOLDER.rglob("*.txt")}
    assert texts == {path.with_suffix("") for path in FOLDER.rglob("*.json")}


def test_the_matrix_stays_small_enough_to_read() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.*")) < MOST_BYTES
