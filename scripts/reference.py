"""Write the tables of docs/reference/ that the code knows better: `make docs`.

A page is written by hand, apart from what stands between `<!-- begin NAME -->` and
`<!-- end NAME -->`: that is replaced by what the code says. `tests/test_docs.py` fails when a page
is not what this would write.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from headgate.base.failure import RULES
from headgate.edge.json_body import MAX_DEPTH, MAX_KEYS, MAX_NODES
from headgate.edge.limits import KIB, MIB, Limits
from headgate.edge.multipart import MAX_FIELD_BYTES, MAX_FIELDS_BYTES, MAX_PARTS
from headgate.lab.scripts.table import PATH_ROWS, PREFIX, ROWS
from headgate.snapshot import document
from scripts.matrix import CALLERS, CHAT_WIRES, DOORS, reply_rows, request_rows

PAGES = Path(__file__).parent.parent / "docs" / "reference"

_PLACE = re.compile(r"<!-- begin (\w+) -->\n.*?<!-- end \1 -->", re.DOTALL)

# In the order of the file; what holds at several places comes last.
SECTIONS: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    ("Top level", document.Document),
    ("`providers[]`", document.ProviderEntry),
    ("`providers[].preferences`", document.ProviderPreferences),
    ("`api_keys[]`", document.KeyEntry),
    ("`api_keys[].preferences`", document.KeyPreferences),
    ("`preferences`", document.Preferences),
    ("`timeout_policy`", document.TimeoutPolicyEntry),
    ("`timeout_policy.rules[]`", document.TimeoutRuleEntry),
    ("`timeout_policy.default` and `timeout_policy.rules[].timeout`", document.TimeoutBounds),
    ("`exclude_request_rules[]`", document.RequestRuleEntry),
)
_VALUES: Mapping[Any, str] = {
    Any: "anything",
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "seconds",
    bool | int: "true, false or a number",
    document.ModelName: "name or `{name: alias}`",
    document.KeyRule: "rule or `{rule: weight}`",
}
_VALUES_BY_KIND = {"moment": "date and time", "size": "bytes", "anything": "anything"}


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table; a bar in a text would end its cell."""
    lines = [head, ["---"] * len(head)]
    lines += [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


def _options(kind: type[msgspec.Struct]) -> Iterator[tuple[str, str, str, str]]:
    """Give each option of a Struct: its name, its value, its default, what it does."""
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        meta = next(iter(getattr(hints[field.name], "__metadata__", ())), None)
        if meta is None:
            continue  # a field that no operator writes
        hint = typing.get_args(hints[field.name])[0]
        about = f"{meta.description} *Not used yet.*" if meta.extra["unused"] else meta.description
        name = meta.extra["name"] or field.name
        yield f"`{name}`", _value(hint, meta.extra["kind"]), _default(field.default), about


def _value(hint: Any, kind: str | None) -> str:
    """Say what is written for an option of a type."""
    if kind in _VALUES_BY_KIND:
        return _VALUES_BY_KIND[kind]
    if hint in _VALUES:
        return _VALUES[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return _value(arguments[0], None)  # `X | None`: None is what it is when left out
    if origin is tuple:
        return f"list: {_value(arguments[0], None)}"
    if origin is not None and issubclass(origin, Mapping):
        value = _value(arguments[1], None)
        return f"{value}, or map" if kind == "table" else f"map: {value}"
    titles = [title for title, section in SECTIONS if section is hint]
    return f"[map](#{anchor(titles[0])})"


def anchor(title: str) -> str:
    """Give the name under which a page's heading can be linked to."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _default(value: object) -> str:
    """Write a default; nothing where there is none to speak of."""
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case int() | float():
            return f"`{value:g}`"
        case str() if value:
            return f"`{value}`"
        case _:
            return ""


def options() -> str:
    """Write every option of api.yaml, section by section."""
    head = ("option", "value", "default", "what it does")
    sections = [f"### {title}\n\n{_table(head, [*_options(kind)])}" for title, kind in SECTIONS]
    return "\n".join(sections)


def errors() -> str:
    """Write what each kind of failure means to the caller."""
    rows = [
        (
            f"`{rule.code}`",
            str(rule.status),
            "yes" if rule.retry else "no",
            rule.blame.value,
            f"`{kind.value}`",
        )
        for kind, rule in RULES.items()
    ]
    return _table(("code", "status", "another attempt", "at fault", "kind"), rows)


def limits() -> str:
    """Write what a caller may cost, and what comes of more."""
    its = Limits()
    floor = f"{its.body_floor_bytes_per_s / KIB:g} KiB/s on average"
    rows = (
        ("connected, and not a byte sent", f"{its.silent_timeout_s:g} s", "closed"),
        ("first byte to complete header", f"{its.header_timeout_s:g} s", "408"),
        ("between two pieces of a body", f"{its.body_idle_s:g} s", "408"),
        (f"a body older than {its.body_floor_after_s:g} s", f"at least {floor}", "408"),
        ("between two requests", f"{its.keep_alive_s:g} s", "closed"),
        ("an answer of which nothing is taken", f"{its.write_stall_s:g} s", "cut"),
        ("request target", f"{its.url_bytes // KIB} KiB", "414"),
        ("header", f"{its.header_bytes // KIB} KiB, {its.header_count} lines", "431"),
        (
            "body, as sent and as unpacked",
            f"{its.body_bytes // MIB} MiB (`--body-limit`)",
            "413 `request_too_large`",
        ),
        (
            "large bodies of all requests together",
            f"{its.body_budget_bytes // MIB} MiB",
            "503 `server_busy`, retry-after",
        ),
        (
            "form with files, as sent (images and audio)",
            f"{its.upload_bytes // MIB} MiB",
            "413 `request_too_large`",
        ),
        (
            "files of all forms together, on disk (`TMPDIR`)",
            f"{its.upload_budget_bytes // MIB} MiB",
            "503 `server_busy`, retry-after",
        ),
        ("form: parts", f"{MAX_PARTS}", "413"),
        (
            "form: a field that is no file, and all of them",
            f"{MAX_FIELD_BYTES // MIB} MiB, {MAX_FIELDS_BYTES // MIB} MiB",
            "413",
        ),
        ("JSON: depth", f"{MAX_DEPTH}", "400"),
        ("JSON: values", f"{MAX_NODES:,}", "400"),
        ("JSON: names at the top level", f"{MAX_KEYS:,}, each once", "400"),
    )
    return _table(("what", "limit", "beyond it"), rows)


def behaviours() -> str:
    """Write what the lab can play out."""
    named = [
        (f"`{PREFIX}{row.name}{f'[-<{row.unit}>]' if row.unit else ''}`", row.about) for row in ROWS
    ]
    paths = [(f"`{path}`", about) for path, about in PATH_ROWS]
    return _table(("model, or path", "what the lab does"), [*named, *paths])


def requests() -> str:
    """Write what becomes of each feature of a request, front door by front door."""
    tables = [
        f"### Requests from `{door}`\n\n"
        + _table(("feature", *(f"`{wire}`" for wire in CHAT_WIRES if wire != door)), rows)
        for door in DOORS
        if (rows := [*request_rows(door)])
    ]
    return "\n".join(tables)


def replies() -> str:
    """Write what each caller is told of each feature of a reply."""
    tables = [
        f"### Replies to `{caller}`\n\n"
        + _table(("feature", *(f"`{wire}`" for wire in CHAT_WIRES if wire != caller)), rows)
        for caller in CALLERS
        if (rows := [*reply_rows(caller)])
    ]
    return "\n".join(tables)


BLOCKS: Mapping[str, Callable[[], str]] = {
    "options": options,
    "errors": errors,
    "limits": limits,
    "behaviours": behaviours,
    "requests": requests,
    "replies": replies,
}


def written(page: str) -> str:
    """Give a page with all its blocks as the code has them now."""

    def block(found: re.Match[str]) -> str:
        name = found[1]
        return f"<!-- begin {name} -->\n\n{BLOCKS[name]()}\n<!-- end {name} -->"

    return _PLACE.sub(block, page)


def main() -> None:
    """Write every page anew."""
    for path in sorted(PAGES.glob("*.md")):
        path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
