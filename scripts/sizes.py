"""Print the twenty longest functions and files: what to look at when something feels too big.

Guidance is 40 lines for a function and 400 for a file; nothing fails (docs/architecture.md).
"""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path("src/headgate")
SHOWN = 20


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function, without its decorators."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def main() -> None:
    """Print both lists, longest first."""
    files: list[tuple[int, str]] = []
    functions: list[tuple[int, str]] = []
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        files.append((len(text.splitlines()), str(path)))
        functions += [
            (length(node), f"{path}:{node.lineno} {node.name}")
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
    for title, rows in (("functions", functions), ("files", files)):
        print(f"The longest {title}, in lines:")
        for lines, place in sorted(rows, reverse=True)[:SHOWN]:
            print(f"{lines:6}  {place}")


if __name__ == "__main__":
    main()
