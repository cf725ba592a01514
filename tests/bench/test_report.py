from __future__ import annotations

from bench.caller import Streams
from bench.load import Counts
from bench.report import report, table, targets
from bench.results import DIRECT, FirstByte, Machine, Results, Round, Standing

MACHINE = Machine(2, "3.11.7", "4.1.0", 0.5)


def rounds(workload: str, candidate: str, *costs_us: int, failed: int = 0) -> list[Round]:
    """Rounds of a hundred requests at so many microseconds each."""
    counts = Counts(100, 1_000_000, 1, 1, failed, 0)
    return [Round(workload, candidate, cost_us * 100, counts) for cost_us in costs_us]


def standing(candidate: str, *, idle_mb: int = 50, complete: int = 1000) -> Standing:
    return Standing(
        candidate=candidate,
        version="1.0",
        ready_s=[0.9, 0.4, 0.5],
        rss_idle_bytes=idle_mb * 1_000_000,
        streams=Streams(1000, 1000, complete, 150_000_000),
    )


def results(*rows: list[Round], standings: list[Standing] | None = None) -> Results:
    return Results(
        started_at="2026-11-22 10:00 UTC",
        machine=MACHINE,
        rounds_per_workload=3,
        round_s=1,
        rounds=[row for some in rows for row in some],
        standings=[standing("haproxy"), standing("headgate")] if standings is None else standings,
    )


def verdicts(found: Results) -> dict[str, str]:
    return {target.about: target.row()[-1] for target in targets(found)}


def line(text: str, start: str) -> list[str]:
    """The cells of the table row that begins with a word."""
    (found,) = (row for row in text.splitlines() if row.startswith(f"| {start} "))
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_costs_are_medians_with_the_least_beside_and_their_ratio() -> None:
    found = results(rounds("json", "haproxy", 30, 20, 25), rounds("json", "headgate", 100, 120, 80))
    cells = ["json", "25.0 (20.0)", "100.0 (80.0)", "4.00 (4.00)", "-"]
    assert line(report(found), "json") == cells


def test_a_translated_stream_has_no_ratio_but_a_cost_per_chunk() -> None:
    found = results(rounds("translate", "headgate", 3000, 2500, 3500))
    assert line(report(found), "translate")[1:] == ["-", "3,000.0 (2,500.0)", "-", "30.0"]


def test_errors_stand_beside_the_figure_that_they_spoil() -> None:
    found = results(rounds("json", "haproxy", 30, 20, failed=3))
    assert line(report(found), "json")[1] == "25.0 (20.0) 6 errors"


def test_a_first_byte_is_compared_to_asking_directly() -> None:
    found = results()
    found.first_bytes = [FirstByte("json", DIRECT, 60, 90), FirstByte("json", "headgate", 200, 300)]
    assert line(report(found), "json") == ["json", "60", "-", "200 (+140)"]


def test_targets_are_reached_or_missed_by_the_medians() -> None:
    found = results(
        rounds("json", "haproxy", 20, 20, 90),
        rounds("json", "headgate", 120, 120, 10),
        rounds("stream-each", "haproxy", 1000),
        rounds("stream-each", "headgate", 1600),
        rounds("stream-paced", "haproxy", 1000),
        rounds("stream-paced", "headgate", 1701),
        rounds("translate", "headgate", 4100),
    )
    assert verdicts(found) == {
        "json: CPU to haproxy's": "ok",
        "json: the same, as aimed at": "MISS",
        "stream-each: CPU to haproxy's": "ok",
        "stream-paced: CPU to haproxy's": "MISS",
        "translate: CPU per chunk": "MISS",
        "translate-paced: CPU per chunk": "not measured",
        "first answer after start": "ok",
        "RSS, idle": "ok",
        "RSS, 1,000 slow streams at once": "ok",
        "1,000 slow streams: late or incomplete": "ok",
    }


def test_a_lost_stream_and_a_megabyte_too_many_are_misses() -> None:
    found = verdicts(results(standings=[standing("headgate", idle_mb=61, complete=999)]))
    assert found["RSS, idle"] == "MISS"
    assert found["1,000 slow streams: late or incomplete"] == "MISS"


def test_what_was_not_measured_is_said() -> None:
    assert set(verdicts(results(standings=[])).values()) == {"not measured"}


def test_notes_end_the_report() -> None:
    found = results()
    found.notes = ["nginx: not installed (apt-get install nginx-light)"]
    assert report(found).endswith(
        "## Notes\n\n- nginx: not installed (apt-get install nginx-light)\n"
    )


def test_a_table_aligns_text_left_and_figures_right() -> None:
    assert table([("name", "us"), ("a", "1"), ("bcdef", "234")]) == (
        "| name  |  us |\n| ----- | --: |\n| a     |   1 |\n| bcdef | 234 |"
    )
