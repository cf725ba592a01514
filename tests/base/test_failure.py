"""The table of failures is whole."""

from headgate.base.failure import (
    RULES,
    Blame,
    Failure,
    FailureKind,
    RelayError,
    bad_reply,
    broke_off,
    out_of_time,
)


def test_every_kind_has_a_rule() -> None:
    assert set(RULES) == set(FailureKind)


def test_statuses_are_errors() -> None:
    assert all(400 <= rule.status < 600 for rule in RULES.values())


def test_clients_mistakes_are_only_retried_where_upstreams_differ() -> None:
    retried = {kind for kind, rule in RULES.items() if rule.blame is Blame.CLIENT and rule.retry}
    assert retried == {FailureKind.UPSTREAM_REJECTED, FailureKind.LOSS_REFUSED}


def test_upstreams_own_status_wins() -> None:
    failure = Failure(kind=FailureKind.UPSTREAM_ERROR, message="", status=500)
    assert failure.http_status == 500
    assert Failure(kind=FailureKind.UPSTREAM_ERROR, message="").http_status == 502


def test_error_carries_its_failure() -> None:
    failure = Failure(kind=FailureKind.INTERNAL, message="broken")
    assert RelayError(failure).failure is failure
    assert "broken" in str(RelayError(failure))


def test_an_answer_that_is_none_may_be_asked_for_again_but_not_one_that_broke_off() -> None:
    assert bad_reply("no JSON").rule.retry
    assert not broke_off().rule.retry
    assert broke_off("too long").message == "too long"
    assert out_of_time(2.5).message == "Request timed out after 2.5 seconds"
