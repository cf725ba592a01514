"""What the documents claim of the code and its tests."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
UNI_API = ROOT / "docs" / "reference" / "uni-api.md"
CASES = 104

_ROW = re.compile(r"\| (\d+) \| (K|I|K, I) \| ([^|]+) \| ([^|]*)\|")
_TEST = re.compile(r"`(test_\w+)`")


@cache
def known_tests() -> frozenset[str]:
    """Give the name of every test function."""
    return frozenset(
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def rows() -> list[tuple[str, str, str, str]]:
    """Give the table of cases: number, kind, what headgate does, tests."""
    lines = UNI_API.read_text(encoding="utf-8").splitlines()
    matches = [_ROW.fullmatch(line) for line in lines]
    return [(match[1], match[2], match[3], match[4]) for match in matches if match is not None]


def test_every_case_of_uni_api_has_its_row() -> None:
    assert [int(number) for number, *_ in rows()] == list(range(1, CASES + 1))


def test_every_case_of_uni_api_has_a_test_or_an_issue() -> None:
    waiting = re.compile("with issue [3-7]|no issue yet")
    bare = [number for number, _, does, named in rows() if not named and not waiting.search(does)]
    assert bare == []


def test_every_test_that_a_document_names_exists() -> None:
    missing = {
        f"{path.name}: {name}"
        for path in (ROOT / "docs").rglob("*.md")
        for name in _TEST.findall(path.read_text(encoding="utf-8"))
        if name not in known_tests()
    }
    assert missing == set()


def test_every_file_that_the_page_for_uni_apis_users_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", UNI_API.read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []
