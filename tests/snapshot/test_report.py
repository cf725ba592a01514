from __future__ import annotations

from headgate.snapshot.document import Document, KeyEntry, Problem, ProviderEntry
from headgate.snapshot.report import Report


def test_what_follows_from_an_unread_value_is_not_said_again() -> None:
    report = Report(Document(errors=(Problem(("a",), "unreadable"),)))
    report.error(("a",), "missing")
    assert [error.message for error in report.errors] == ["unreadable"]


def test_problems_come_in_the_order_of_the_document() -> None:
    report = Report(Document(locate=lambda path: f"f:{path[0]}:1"))
    for line in (10, 9, 100):
        report.error((line,), "x")
        report.warn((line,), "y")
    assert [error.place for error in report.errors] == ["f:9:1", "f:10:1", "f:100:1"]
    assert report.warnings == ("f:9:1: [9]: y", "f:10:1: [10]: y", "f:100:1: [100]: y")


def test_secrets_stay_out_of_paths_and_messages() -> None:
    entries = (KeyEntry(api="my-own-secret"),)
    document = Document(api_keys=entries, providers=(ProviderEntry(api=("another-secret",)),))
    report = Report(document)
    report.warn(("weights", "my-own-secret/*"), "no another-secret, no sk-abcdefghijklmnopq")
    assert report.warnings == ("weights.***/*: no ***, no ***",)
