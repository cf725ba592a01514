"""Signatures: AWS's published test suite, the model ids of Bedrock, and what a signer adds.

The suite signs every header that is there; its cases are (request, signature), all of them with
the same key at the same moment. When this was written, 3000 made-up requests were compared with
botocore 1.44, too.
"""

from __future__ import annotations

import pytest

from headgate.providers.auth.aws_sigv4 import AwsSigner, canonical_request, signing_key
from headgate.upstream.open import address

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SUITE = AwsSigner(
    access_key="AKIDEXAMPLE", secret_key=SECRET, region="us-east-1", service="service"
)
NOW_S = 1440938160.0  # 2015-08-30 12:36:00
DATE = "20150830T123600Z"
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FORM = ("content-type", "application/x-www-form-urlencoded")


def suite_signature(
    method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> str:
    signed = {"host": "example.amazonaws.com", "x-amz-date": DATE, **(headers or {})}
    url = f"https://example.amazonaws.com{target}"
    return SUITE._authorization(method, url, signed, body).rpartition("Signature=")[2]


@pytest.mark.parametrize(
    ("method", "target", "signature"),
    [
        ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            f"/{UNRESERVED}",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        ("GET", "/ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        (
            "GET",
            "/example space/",
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        ),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "/?Param1=value1",
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        ),
        ("GET", "/?ሴ=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        (
            "POST",
            "/?Param1=value1",
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        ),
    ],
)
def test_the_published_requests_have_the_published_signatures(
    method: str, target: str, signature: str
) -> None:
    assert suite_signature(method, target) == signature


@pytest.mark.parametrize(
    "target", ["/example/..", "/example1/example2/../..", "//", "/./", "/", "/.."]
)
def test_paths_that_mean_the_root_are_signed_as_the_root(target: str) -> None:
    assert suite_signature("GET", target) == suite_signature("GET", "/")


@pytest.mark.parametrize(
    ("target", "canonical"),
    [
        ("/./example", "/example"),
        ("//example//", "/example/"),
        ("/a/b/../c/", "/a/c/"),
        ("/a/b/.", "/a/b/"),
        ("/a/b/..", "/a/"),
    ],
)
def test_dots_and_empty_segments_are_taken_out_of_a_path(target: str, canonical: str) -> None:
    assert canonical_request("GET", f"https://h{target}", {}, b"").split("\n")[1] == canonical


def test_published_headers_and_bodies_have_the_published_signatures() -> None:
    form = dict([FORM])
    assert suite_signature("POST", "/", form, b"Param1=value1") == (
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
    )
    trimmed = {"my-header1": "value1", "my-header2": '"a   b   c"'}
    assert suite_signature("GET", "/", trimmed) == (
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"
    )
    several = {"my-header1": "value4,value1,value3,value2"}
    assert suite_signature("GET", "/", several) == (
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"
    )


def test_the_key_of_the_guide_is_derived() -> None:
    assert signing_key(SECRET, "20150830", "us-east-1", "iam").hex() == (
        "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    )


def signer(session_token: str = "") -> AwsSigner:
    return AwsSigner(
        access_key="AKIDEXAMPLE",
        secret_key=SECRET,
        region="us-west-2",
        service="bedrock",
        session_token=session_token,
    )


BEDROCK = "https://bedrock-runtime.us-west-2.amazonaws.com/model/{model_id}/converse"
MODEL = "anthropic.claude-3-5-sonnet-20241022-v2:0"
HEADERS = [("content-type", "application/json"), ("accept", "*/*"), ("user-agent", "x")]


def test_a_signer_adds_the_date_and_the_authorization() -> None:
    added = dict(signer()("POST", BEDROCK, HEADERS, b"{}", NOW_S))
    assert set(added) == {"x-amz-date", "authorization"}
    assert added["x-amz-date"] == DATE
    assert added["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-west-2/bedrock/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, Signature="
    )


def test_a_temporary_key_sends_and_signs_its_token() -> None:
    added = dict(signer("session")("POST", BEDROCK, HEADERS, b"{}", NOW_S))
    assert added["x-amz-security-token"] == "session"
    assert "host;x-amz-date;x-amz-security-token" in added["authorization"]


def test_aws_own_headers_are_signed_and_others_are_not() -> None:
    more = [*HEADERS, ("x-amz-thing", "1"), ("x-request-id", "r")]
    added = dict(signer()("POST", BEDROCK, more, b"{}", NOW_S))
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-thing," in added["authorization"]


@pytest.mark.parametrize(
    ("model", "sent", "canonical"),
    [
        (MODEL, f"{MODEL[:-2]}%3A0", f"{MODEL[:-2]}%253A0"),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.m-v1:0",
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.m-v1%3A0",
            "arn%253Aaws%253Abedrock%253Aus-east-1%253A1%253Ainference-profile%252Fus.m-v1%253A0",
        ),
    ],
)
def test_the_model_id_is_signed_as_our_client_sends_it_and_encoded_once_more(
    model: str, sent: str, canonical: str
) -> None:
    _, target = address(BEDROCK, model, "")
    assert target == f"/model/{sent}/converse"
    lines = canonical_request("POST", f"https://h{target}", {}, b"").split("\n")
    assert lines[1] == f"/model/{canonical}/converse"


def test_a_request_to_bedrock_has_the_signature_that_botocore_gives_it() -> None:
    url = BEDROCK.replace("{model_id}", f"{MODEL[:-2]}%3A0")
    added = dict(signer("tok")("POST", url, HEADERS, b'{"messages":[]}', NOW_S))
    assert added["authorization"].endswith(
        "1a5bf21e77e3cef825c5a5d2fef16f61f7764f229d11e061dbab615ad209393a"
    )


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://h/x", "h"),
        ("https://h:443/x", "h"),
        ("http://h:80/x", "h"),
        ("http://127.0.0.1:8080/x", "127.0.0.1:8080"),
        ("http://[::1]:8080/x", "[::1]:8080"),
        ("https://[::1]/x", "[::1]"),
    ],
)
def test_the_host_is_signed_as_the_client_writes_it(url: str, host: str) -> None:
    headers = {"host": host, "x-amz-date": DATE}
    expected = signer()._authorization("GET", url, headers, b"")
    assert dict(signer()("GET", url, [], b"", NOW_S))["authorization"] == expected


def test_a_signer_can_be_part_of_what_is_looked_up_by_hash() -> None:
    assert {signer(): 1}[signer()] == 1
