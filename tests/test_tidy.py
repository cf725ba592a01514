"""House rules that no linter knows. Each was a habit that made some other gateway hard to change.

Rules that ruff or import-linter can hold are theirs (pyproject.toml); these read the syntax tree.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "headgate"
TESTS = ROOT / "tests"

# Source files without a test file of their own, and why.
TESTED_ELSEWHERE: dict[str, str] = {}

# The outermost handlers: where a defect of ours must become an answer instead of a dead task.
LAST_RESORTS: dict[str, str] = {
    "upstream/connection.py": "what a sink raises in the loop's callback is raised by its reader",
    "app.py": "following the configuration must outlive any defect, which it reports",
    "edge/protocol.py": "a defect in a handler becomes a logged 500, or a cut answer",
}


@cache
def sources() -> dict[str, ast.Module]:
    """Give every source file's syntax tree by its path below `src/headgate`."""
    return {
        path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
    }


def tracked_files() -> list[Path]:
    """List what git would hand to someone else."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so nothing is tracked")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [ROOT / name for name in listing.stdout.split("\0") if name]


def places(pattern: str, suffixes: frozenset[str]) -> Iterator[str]:
    """Yield `file:line` for each line of a tracked file that holds the pattern."""
    wanted = re.compile(pattern)
    for path in tracked_files():
        if path.suffix not in suffixes or not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if wanted.search(line):
                yield f"{path.relative_to(ROOT)}:{number}"


def found(rule: Callable[[ast.Module], list[int]], names: Iterable[str]) -> list[str]:
    """List `file:line` of what a rule finds in the named source files."""
    return [f"{name}:{line}" for name in names for line in rule(sources()[name])]


def is_provider_name(node: ast.expr) -> bool:
    """Tell whether an expression reads `provider.name` or `something.provider`."""
    if not isinstance(node, ast.Attribute):
        return False
    owner = node.value
    owner_name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return node.attr == "provider" or (node.attr == "name" and owner_name == "provider")


def is_text(node: ast.expr) -> bool:
    """Tell whether an expression is a string, or a literal collection of strings."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(is_text(element) for element in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def compared_provider_names(tree: ast.Module) -> list[int]:
    """Find the lines that compare a provider's name with a string."""
    compares = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    sides = [(node.lineno, [node.left, *node.comparators]) for node in compares]
    return [
        line for line, pair in sides if any(map(is_provider_name, pair)) and any(map(is_text, pair))
    ]


def time_annotations(tree: ast.Module) -> set[ast.AST]:
    """Collect the annotations of names that say their unit is seconds (`timeout_s: float`)."""
    annotations: set[ast.AST] = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.AnnAssign(target=ast.Name(id=name), annotation=ast.expr() as annotation)
                | ast.arg(arg=name, annotation=ast.expr() as annotation)
            ) if name.endswith("_s"):
                annotations.add(annotation)
    return annotations


def floats(tree: ast.Module) -> list[int]:
    """Find the lines that make, name or divide into a float, times apart."""
    lines = []
    times = time_annotations(tree)
    for node in ast.walk(tree):
        if node in times:
            continue
        match node:
            case (
                ast.Constant(value=float())
                | ast.Name(id="float")
                | ast.BinOp(op=ast.Div())
                | ast.AugAssign(op=ast.Div())
            ):
                lines.append(node.lineno)
    return lines


def catches_everything(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler is bare, or names `Exception` or `BaseException`."""
    if handler.type is None:
        return True
    named = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(n, ast.Name) and n.id in {"Exception", "BaseException"} for n in named)


def swallowed(tree: ast.Module) -> list[int]:
    """Find the handlers that catch everything and never raise."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and catches_everything(node)
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    ]


STATEMENT = re.compile(
    r"^\s*(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s.+\sSET|DELETE\s+FROM|CREATE\s+TABLE)\s",
    re.IGNORECASE | re.DOTALL,
)


def sql(tree: ast.Module) -> list[int]:
    """Find the strings that are SQL statements."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and STATEMENT.match(node.value)
    ]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (compared_provider_names, 'if channel.provider.name == "azure": pass'),
        (compared_provider_names, 'if channel.provider in ("azure", "openai"): pass'),
        (floats, "price = 0.5"),
        (floats, "def cost(tokens: int) -> float: ..."),
        (floats, "cost = tokens / 1000"),
        (swallowed, "try: f()\nexcept Exception: log()"),
        (swallowed, "try: f()\nexcept (KeyError, BaseException): pass"),
        (sql, 'query = "SELECT name FROM channels WHERE id = 1"'),
    ],
)
def test_each_rule_sees_its_mistake(rule: Callable[[ast.Module], list[int]], code: str) -> None:
    assert rule(ast.parse(code))


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (compared_provider_names, "if channel.provider.name == other.provider.name: pass"),
        (floats, "cost = -(-tokens * price // 1000)"),
        (floats, "def expired(now_s: float) -> bool: ..."),
        (swallowed, "try: f()\nexcept BaseException:\n    close()\n    raise"),
        (sql, 'hint = "Select a channel, then update its key"'),
    ],
)
def test_each_rule_lets_the_right_way_pass(
    rule: Callable[[ast.Module], list[int]], code: str
) -> None:
    assert rule(ast.parse(code)) == []


def test_a_provider_is_told_apart_by_its_row_and_never_by_its_name() -> None:
    # Where names are compared in many places, a new vendor is a hunt through all of them. What
    # differs between providers is a field or a quirk of the row in providers/.
    outside = [name for name in sources() if not name.startswith("providers/")]
    assert found(compared_provider_names, outside) == []


def test_money_is_counted_in_integers() -> None:
    # Binary fractions do not add up to the bill. Money is nano-dollars, and rounding happens
    # once, in `Price.cost_of`.
    handles_money = re.compile(r"^(settlement/.*|.*\b(money|price|prices)\.py)$")
    assert found(floats, filter(handles_money.match, sources())) == []


def test_sql_is_written_in_the_store_only() -> None:
    # A query outside the store is one that no migration knows of.
    assert found(sql, [name for name in sources() if not name.startswith("store/")]) == []


def test_who_catches_everything_raises_it_again() -> None:
    # A swallowed defect is found by a customer, months later. Cleaning up and raising is fine.
    assert found(swallowed, [name for name in sources() if name not in LAST_RESORTS]) == []


def test_no_module_is_a_drawer_for_everything() -> None:
    # A name that says nothing collects everything, until everything imports it.
    empty_names = {"common", "helper", "helpers", "manager", "misc", "util", "utils"}
    drawers = [name for name in sources() if empty_names & set(Path(name).with_suffix("").parts)]
    assert drawers == []


def test_every_source_file_has_a_test_file_of_its_name() -> None:
    # Whoever changes a file knows where its promises are written down.
    untested = []
    for name in sources():
        path = Path(name)
        if path.stem in {"__init__", "__main__"} or name in TESTED_ELSEWHERE:
            continue
        if not (TESTS / path.parent / f"test_{path.name}").is_file():
            untested.append(name)
    assert untested == []


def test_every_exemption_still_exempts_a_file() -> None:
    # An exemption outlives its file, and then hides the next one of that name.
    assert [name for name in (TESTED_ELSEWHERE | LAST_RESORTS) if name not in sources()] == []


TEXT = frozenset({"", ".cfg", ".in", ".ini", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml"})


def test_unfinished_work_is_an_issue_and_not_a_comment() -> None:
    marks = "|".join(["TO" + "DO", "FIX" + "ME"])  # split, or this line would find itself
    assert list(places(rf"\b({marks})\b", TEXT)) == []


def test_no_file_knows_the_machine_or_the_registry_it_came_from() -> None:
    # The address a package was fetched from is the reader's own business, and so is the folder.
    hosts = [r"\bpypi\." + "org", "pythonhosted" + r"\.org", r"registry\.npm" + r"js\.org"]
    folders = [rf"(?<![\w.])/{name}/" for name in ("work", "root", "tmp", "opt")]
    assert list(places("|".join(hosts + folders), TEXT | {".json", ".lock"})) == []
