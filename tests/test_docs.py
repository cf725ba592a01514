"""What the documents claim of the code and its tests."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import get_type_hints

import msgspec
import pytest

from headgate.snapshot import document
from headgate.sources.environment import EnvironmentSettings, read_environment
from scripts.reference import BLOCKS, SECTIONS, anchor, written
from tests.configs import compiled

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
UNI_API = REFERENCE / "uni-api.md"
EXAMPLES = ("docs/reference/configuration.md", "docs/reference/lab.md")
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


def test_tables_of_the_reference_are_what_the_code_says() -> None:
    pages = sorted(REFERENCE.glob("*.md"))
    assert pages
    stale = [
        page.name
        for page in pages
        if written(page.read_text(encoding="utf-8")) != page.read_text(encoding="utf-8")
    ]
    assert stale == [], "run `make docs`"


def test_every_table_that_the_code_can_write_is_in_the_reference() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in REFERENCE.glob("*.md"))
    assert {name for name in BLOCKS if text.count(f"<!-- begin {name} -->") != 1} == set()


def test_every_option_of_the_reader_is_in_a_table() -> None:
    kinds = [kind for _, kind in SECTIONS]
    missing = {
        kind.__name__
        for kind in vars(document).values()
        if isinstance(kind, type)
        and issubclass(kind, msgspec.Struct)
        and kind not in kinds
        and any(
            isinstance(meta, msgspec.Meta)
            for hint in get_type_hints(kind, include_extras=True).values()
            for meta in getattr(hint, "__metadata__", ())
        )
    }
    assert missing == set()


def test_page_for_operators_names_every_environment_variable_and_default() -> None:
    source = (ROOT / "src/headgate/sources/environment.py").read_text(encoding="utf-8")
    settings = dict(re.findall(r'^    "([A-Z_]+)": \("(\w+)"', source, re.MULTILINE))
    page = (REFERENCE / "configuration.md").read_text(encoding="utf-8")
    section = page.partition("## Environment variables")[2]
    named = dict(re.findall(r"^\| `([A-Z_]+)` \| (?:`([^`]*)`)? ?\|", section, re.MULTILINE))
    assert list(named) == list(settings)
    texts = {name: value for name, value in named.items() if value}
    assert read_environment(texts) == EnvironmentSettings()
    unset = [setting for name, setting in settings.items() if not named[name]]
    assert [name for name in unset if getattr(EnvironmentSettings(), name)] == []


@pytest.mark.parametrize("page", ["README.md", *EXAMPLES])
def test_examples_of_an_api_yaml_load(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    examples = re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert examples
    for example in examples:
        variables = dict.fromkeys(re.findall(r"\$\{(\w+)\}", example), "sk-made-up")
        assert compiled(example, variables).warnings == ()


def test_links_between_the_documents_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert broken == []


def test_links_within_a_page_of_the_reference_have_their_heading() -> None:
    for page in REFERENCE.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        headings = {anchor(title) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings, page.name


def test_page_about_http_names_every_route_and_header() -> None:
    text = (REFERENCE / "http.md").read_text(encoding="utf-8")
    source = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "src/headgate/edge").glob("*.py")
    )
    headers = set(re.findall(r'b"(x-(?:headgate|ratelimit|should)[\w-]+)"', source))
    assert headers
    assert {name for name in headers if f"`{name}`" not in text} == set()
    app = (ROOT / "src/headgate/edge/doors.py").read_text(encoding="utf-8")
    paths = set(re.findall(r'\("(/[a-z/]+)", Operation', app))
    assert paths
    assert {path for path in paths if f"`POST /v1{path}`" not in text} == set()
