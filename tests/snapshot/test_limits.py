from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.snapshot.document import Document
from headgate.snapshot.facts import RateLimit, Window
from headgate.snapshot.limits import limit_table, limits_of, read_limit
from headgate.snapshot.report import Report


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("2/min", RateLimit((Window(2, 60.0),))),
        ("15/min,500/day", RateLimit((Window(15, 60.0), Window(500, 86_400.0)))),
        (" 5 / s , 6/HOUR ,", RateLimit((Window(5, 1.0), Window(6, 3600.0)))),
        ("1/mo,2/y", RateLimit((Window(1, 2_592_000.0), Window(2, 31_536_000.0)))),
        ("60/min,100/tpr", RateLimit((Window(60, 60.0),), 100)),
        ("10/tpr,5/tpr", RateLimit((), 5)),
        ("0/min", RateLimit((Window(0, 60.0),))),
    ],
)
def test_limits_are_read(text: str, limit: RateLimit) -> None:
    assert read_limit(text) == limit


@pytest.mark.parametrize("seconds", [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)])
def test_every_unit_has_three_spellings(seconds: tuple[str, float]) -> None:
    names = {"s": "s sec second", "m": "m min minute", "h": "h hr hour", "d": "d day day"}
    unit, length_s = seconds
    found = [read_limit(f"1/{name}").windows[0].seconds for name in names[unit].split()]
    assert found == [length_s] * 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5/week", 'unknown unit "week"'),
        ("5", '"5" is not a limit'),
        ("-5/min", "is not a limit"),
        ("1.5/min", "is not a limit"),
        ("", "the limit is empty"),
        (" , ", "the limit is empty"),
    ],
)
def test_what_is_no_limit_says_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_limit(text)


@settings(deadline=None)  # a busy machine is no defect
@given(st.text("0123456789/ ,smhdytpr", max_size=20))
def test_any_text_is_a_limit_or_refused(text: str) -> None:
    try:
        limit = read_limit(text)
    except ValueError as problem:
        assert str(problem)
    else:
        assert limit.windows or limit.tokens_per_request is not None


def test_tables_look_up_the_exact_name_then_a_part_in_file_order_then_the_default() -> None:
    texts = {"gem-pro": "1/min", "gem-pro-002": "2/min", "default": "3/min"}
    table = limit_table(texts, (), Report(Document()))
    assert table is not None
    found = [table.limit_for(name) for name in ("gem-pro-002", "gem-pro-latest", "other")]
    assert [limit.windows[0].requests for limit in found if limit] == [2, 1, 3]


def test_a_table_without_limits_is_none() -> None:
    assert limit_table({}, (), Report(Document())) is None


def test_every_bad_limit_of_a_table_is_an_error_at_its_model() -> None:
    report = Report(Document())
    assert limits_of({"a": "x", "default": "y", "b": "1/s"}, ("r",), report).keys() == {"b"}
    assert [error.key for error in report.errors] == ["r.a", "r"]
