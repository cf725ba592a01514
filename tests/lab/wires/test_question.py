from __future__ import annotations

from msgspec import Raw

from headgate.lab.wires.question import Answer, dicts, mapping, size_of, tell, whole_number, words


def test_words_join_to_the_text() -> None:
    text = "ok1: Hello  from\n the lab."
    assert words(text) == ("ok1:", " Hello", "  from", "\n the", " lab.")
    assert "".join(words(text)) == text
    assert words("") == ()


def test_an_answer_joins_its_pieces() -> None:
    answer = Answer(pieces=("a", " b"), thinking=("c", " d"))
    assert (answer.text, answer.thought) == ("a b", "c d")


def test_a_lie_replaces_every_count_at_every_depth() -> None:
    counts = {"total": 3, "details": {"cached": 1}}
    assert tell(counts, None) == counts
    assert tell(counts, -9) == {"total": -9, "details": {"cached": -9}}
    assert tell(counts, Raw(b"1e3")) == {"total": Raw(b"1e3"), "details": {"cached": Raw(b"1e3")}}


def test_what_is_not_of_the_expected_type_counts_as_absent() -> None:
    assert dicts([{"a": 1}, "x", None]) == [{"a": 1}]
    assert dicts("x") == []
    assert (mapping({"a": 1}), mapping([])) == ({"a": 1}, {})
    assert [whole_number(value) for value in (3, True, "3", None)] == [3, None, None, None]
    assert (size_of("AAAA"), size_of(7)) == ("3 bytes", "no data")
