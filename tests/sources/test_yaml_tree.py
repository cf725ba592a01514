from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.sources.yaml_tree import (
    MAX_BYTES,
    MAX_DEPTH,
    Mapping,
    Node,
    Scalar,
    Sequence,
    YamlError,
    read_tree,
)


def plain(node: Node | None) -> object:
    """Take the places off a tree."""
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key: plain(value) for key, value in node.entries.items()}
    return None


def refusal(data: bytes) -> str:
    """Give what is said about bad YAML, with its place."""
    with pytest.raises(YamlError) as caught:
        read_tree(data)
    return f"{caught.value.place or ''} {caught.value.message}".strip()


def test_a_document_becomes_a_tree_of_texts() -> None:
    data = b"a: 1\nb: [x, 'y', {c: ~}]\nd: |\n  two\n  lines\n"
    assert plain(read_tree(data).root) == {
        "a": "1",
        "b": ["x", "y", {"c": "~"}],
        "d": "two\nlines\n",
    }


def test_every_node_knows_its_place() -> None:
    tree = read_tree(b"a: 1\nlist:\n  - x\n  - {k: v}\n")
    assert str(tree.locate(("list",))) == "2:1"
    assert str(tree.locate(("list", 0))) == "3:5"
    assert str(tree.locate(("list", 1, "k"))) == "4:6"


def test_a_path_that_is_not_there_is_located_at_what_holds_it() -> None:
    tree = read_tree(b"a:\n  b: 1\n")
    assert str(tree.locate(("a", "b", "c"))) == "2:3"
    assert str(tree.locate(("a", "x"))) == "1:1"
    assert tree.locate(("x",)) is None


def test_keys_are_located_whatever_their_case() -> None:
    assert str(read_tree(b"x: 1\nRATE_LIMIT: 2\n").locate(("rate_limit",))) == "2:1"


def test_null_is_what_is_written_without_quotes() -> None:
    root = read_tree(b"[~, null, '', 'null', ]").root
    assert isinstance(root, Sequence)
    assert [isinstance(item, Scalar) and item.is_null for item in root.items] == [1, 1, 0, 0]


def test_an_empty_document_has_no_root() -> None:
    assert read_tree(b"# nothing\n").root is None


def test_anchors_are_followed() -> None:
    assert plain(read_tree(b"a: &x {k: 1}\nb: *x\n").root) == {"a": {"k": "1"}, "b": {"k": "1"}}


def test_merge_keys_give_way_to_what_is_written_out_and_to_earlier_sources() -> None:
    data = b"a: &a {k: a, l: a}\nb: &b {k: b, m: b}\nc: {<<: [*a, *b], l: own}\n"
    root = plain(read_tree(data).root)
    assert isinstance(root, dict)
    assert root["c"] == {"l": "own", "k": "a", "m": "b"}


def test_a_key_given_twice_is_noted_and_the_last_one_counts() -> None:
    tree = read_tree(b"p:\n  a: 1\n  a: 2\n")
    assert plain(tree.root) == {"p": {"a": "2"}}
    assert [(odd.path, odd.message) for odd in tree.oddities] == [
        (("p", "a"), "given twice (line 2): this one counts")
    ]
    assert str(tree.locate(("p", "a"))) == "3:3"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a: b: c", "1:5 not valid YAML: mapping values are not allowed"),
        (b"a:\n\t- b", "2:1 not valid YAML: found character that cannot start any token"),
        (b"a: \xff", "not valid YAML: invalid leading UTF-8 octet"),
        (b"a: \x00", "not valid YAML: control characters are not allowed"),
        (b"--- a\n--- b", "2:1 a second document begins here"),
        (b"a: *x", "1:4 the alias *x stands for nothing"),
        (b"&a [*a]", "1:5 the alias *a stands for nothing (or itself)"),
        (b"? [x]\n: 1", "1:3 a key must be a single word"),
        (b"a: !!python/object:os.system {}", "1:4 the tag tag:yaml.org,2002:python"),
        (b"a: !mine 1", "1:4 the tag !mine is not supported"),
        (b"<<: 5", '1:5 "<<" merges maps only'),
    ],
)
def test_bad_yaml_is_refused_with_its_place(data: bytes, said: str) -> None:
    assert refusal(data).startswith(said)


@pytest.mark.parametrize("opening", [b"[", b"- ", b"{a: ", b"a:\n"])
def test_depth_is_bounded_so_that_no_bracket_storm_ends_the_process(opening: bytes) -> None:
    if opening == b"a:\n":
        data = b"".join(b" " * level + b"a:\n" for level in range(MAX_DEPTH + 2))
    else:
        data = opening * 200_000
    assert "levels deep" in refusal(data)


def test_aliases_that_multiply_are_refused() -> None:
    lines = [b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 10):
        aliases = b", ".join([b"*a%d" % (level - 1)] * 10)
        lines.append(b"a%d: &a%d [%s]" % (level, level, aliases))
    assert "too large once its aliases are followed" in refusal(b"\n".join(lines))


def test_merges_that_multiply_are_refused() -> None:
    wide = b", ".join(b"k%d: 1" % key for key in range(3000))
    merges = b", ".join([b"*a"] * 1000)
    assert "too large" in refusal(b"a: &a {%s}\nb: {<<: [%s]}\n" % (wide, merges))


def test_a_document_of_more_than_eight_mebibytes_is_refused() -> None:
    assert "larger than 8 MiB" in refusal(b"#" * (MAX_BYTES + 1))


@settings(deadline=None)  # a busy machine is no defect
@given(st.binary(max_size=200) | st.text("ab:-[]{}&*<>!|#'\"\n ,?%", max_size=60).map(str.encode))
def test_any_bytes_are_a_tree_or_refused(data: bytes) -> None:
    try:
        read_tree(data)
    except YamlError as error:
        assert error.message
