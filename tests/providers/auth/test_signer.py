from __future__ import annotations

from headgate.providers.auth.aws_sigv4 import AwsSigner
from headgate.providers.auth.signer import Signer


def test_aws_key_is_a_signer() -> None:
    signer: Signer = AwsSigner(access_key="a", secret_key="s", region="r", service="v")
    assert [name for name, _ in signer("GET", "https://h/", [], b"", 0.0)] == [
        "x-amz-date",
        "authorization",
    ]
