"""Keys are found by the whole text, and never repeated in a refusal."""

import pytest

from headgate.admission.key_directory import SnapshotKeys, unauthenticated
from headgate.base.failure import FailureKind
from headgate.snapshot.facts import Snapshot
from tests.facts import key

KEY = key([])
FACTS = Snapshot(version=1, keys={"sk-one": KEY}, channels=())


async def test_key_is_found_by_its_text() -> None:
    assert await SnapshotKeys().find("sk-one", FACTS) is KEY


@pytest.mark.parametrize("secret", ["sk-on", "sk-one2", "SK-ONE", "sk-one ", ""])
async def test_nearly_right_is_wrong(secret: str) -> None:
    assert await SnapshotKeys().find(secret, FACTS) is None


def test_missing_key_is_told_how_to_send_one() -> None:
    failure = unauthenticated(None).failure
    assert (failure.kind, failure.http_status) == (FailureKind.UNAUTHENTICATED, 401)
    assert "Authorization: Bearer" in failure.message
    assert "x-api-key" in failure.message


def test_wrong_key_is_not_repeated() -> None:
    failure = unauthenticated("sk-secret").failure
    assert failure.message == "Invalid or missing API Key"
    assert failure.http_status == 401
