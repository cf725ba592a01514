from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from headgate.lab.sigv4 import (
    EXPIRED,
    INCOMPLETE,
    MISSING,
    SCOPE,
    UNKNOWN_KEY,
    WRONG,
    Signed,
    refusal,
)
from headgate.providers.auth.aws_sigv4 import AwsSigner

NOW_S = 1_795_000_000.0
URL = "http://lab:1/signed/model/us.anthropic.claude-v1%3A0/converse"
BODY = b'{"messages":[]}'
SIGNER = AwsSigner(
    access_key="AKIALAB", secret_key="lab-secret", region="us-east-1", service="bedrock"
)
# What the header says before the signature itself.
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKIALAB/20261118/us-east-1/bedrock/aws4_request,"
    " SignedHeaders=content-type;host;x-amz-date, Signature="
)


def signed(url: str = URL, signer: AwsSigner = SIGNER, **changed: str) -> Signed:
    headers = (("content-type", "application/json"),)
    added = signer("POST", url, headers, BODY, NOW_S)
    target = url.removeprefix("http://lab:1")
    names = {"host": "lab:1", **dict(headers), **dict(added)}
    changes = {name.replace("_", "-"): value for name, value in changed.items()}
    return Signed("POST", target, names | changes, BODY)


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "http://lab:1/model/m/converse",
        "http://lab:1/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ax%2Fy/converse-stream",
        "http://lab:1/model/m/converse?b=2&a=1%2F1&c",
    ],
)
def test_what_the_gateway_signs_the_lab_lets_in(url: str) -> None:
    assert signed(url).headers["authorization"].startswith(AUTHORIZATION)
    assert refusal(signed(url), NOW_S) is None


def test_a_session_token_may_be_signed_too() -> None:
    assert refusal(signed(signer=replace(SIGNER, session_token="t")), NOW_S) is None


def test_any_bearer_token_is_good_and_none_is_not() -> None:
    assert refusal(Signed("POST", "/", {"authorization": "Bearer any"}, b""), NOW_S) is None
    assert refusal(Signed("POST", "/", {"authorization": "Bearer "}, b""), NOW_S) == MISSING
    assert refusal(Signed("POST", "/", {}, b""), NOW_S) == MISSING


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"body": b"{}"}, WRONG),
        ({"method": "PUT"}, WRONG),
        ({"target": "/signed/model/other/converse"}, WRONG),
    ],
)
def test_a_signature_covers_method_path_and_body(changes: Any, fault: object) -> None:
    assert refusal(replace(signed(), **changes), NOW_S) == fault


def test_a_signature_covers_its_headers() -> None:
    assert refusal(signed(host="elsewhere"), NOW_S) == WRONG
    assert refusal(signed(content_type="text/plain"), NOW_S) == WRONG
    assert refusal(signed(user_agent="any"), NOW_S) is None
    # Runs of blanks count as one.
    assert refusal(signed(content_type="  application/json "), NOW_S) is None


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"secret_key": "other"}, WRONG),
        ({"access_key": "AKIAOTHER"}, UNKNOWN_KEY),
        ({"service": "s3"}, SCOPE),
    ],
)
def test_only_the_known_key_signs_for_bedrock(changes: Any, fault: object) -> None:
    assert refusal(signed(signer=replace(SIGNER, **changes)), NOW_S) == fault


@pytest.mark.parametrize(
    "value",
    [
        "AWS4-HMAC-SHA256 nothing",
        AUTHORIZATION,
        AUTHORIZATION.replace("content-type;host;", "content-type;") + "0" * 64,
    ],
)
def test_an_incomplete_header_is_told_apart(value: str) -> None:
    assert refusal(signed(authorization=value), NOW_S) == INCOMPLETE


def test_a_signature_lasts_five_minutes() -> None:
    assert refusal(signed(), NOW_S + 299) is None
    assert refusal(signed(), NOW_S - 301) == EXPIRED
    assert refusal(signed(x_amz_date="yesterday"), NOW_S) == EXPIRED
