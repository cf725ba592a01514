from __future__ import annotations

from pathlib import Path

import pytest

from bench.load import Counts, Load, LoadError, parse
from bench.workloads import KEY

OUTPUT = """Running 1s test @ http://127.0.0.1:1/
  47811 requests in 1.00s, 51.20MB read
bench {"requests":47811,"duration_us":1000405,"bytes":53690000,"p50_us":310,"failed":2,"broken":1}
"""


def test_the_counts_are_read_from_among_what_wrk_says() -> None:
    assert parse(OUTPUT) == Counts(47811, 1000405, 53690000, 310, 2, 1)


def test_a_wrk_that_did_not_run_is_an_error_in_its_own_words() -> None:
    with pytest.raises(LoadError, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_the_body_and_the_key_are_handed_to_the_script() -> None:
    command = Load("http://127.0.0.1:1/x", Path("body.json"), 16, 2).command("wrk")
    assert command[-4:] == ["http://127.0.0.1:1/x", "--", "body.json", KEY]
    assert command[command.index("--connections") + 1] == "16"
    assert command[command.index("--duration") + 1] == "2s"
