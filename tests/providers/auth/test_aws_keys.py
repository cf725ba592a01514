from __future__ import annotations

import pytest

from headgate.providers.auth.aws_keys import AwsKey, read_key, region_of

PAIR = AwsKey(access_key="AKIA1", secret_key="s/+1")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("ABSKabc=", AwsKey(api_key="ABSKabc=")),
        ("us-east-1|ABSKabc=", AwsKey(api_key="ABSKabc=", region="us-east-1")),
        ("ABSKabc=|eu-west-3", AwsKey(api_key="ABSKabc=", region="eu-west-3")),
        ("AKIA1|s/+1", PAIR),
        (
            "us-gov-west-1|AKIA1|s/+1",
            AwsKey(access_key="AKIA1", secret_key="s/+1", region="us-gov-west-1"),
        ),
        (
            "AKIA1|s/+1|ap-southeast-2",
            AwsKey(access_key="AKIA1", secret_key="s/+1", region="ap-southeast-2"),
        ),
        (
            "us-east-1|AKIA1|s/+1|tok",
            AwsKey(access_key="AKIA1", secret_key="s/+1", session_token="tok", region="us-east-1"),
        ),
        ("us-east-1", AwsKey(api_key="us-east-1")),  # a key of one part is no region
    ],
)
def test_every_usual_form_of_a_key_is_read(text: str, key: AwsKey) -> None:
    assert read_key(text) == key


@pytest.mark.parametrize("text", ["", "|", "a||b", "a|b|c|d", "us-east-1|", "us-east-1|a|b|c|d"])
def test_other_parts_make_no_key(text: str) -> None:
    assert read_key(text) is None


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://bedrock-runtime.us-east-1.amazonaws.com", "us-east-1"),
        ("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/model/x", "us-gov-west-1"),
        ("https://bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("https://vpce-1-a.bedrock-runtime.eu-west-1.vpce.amazonaws.com", "eu-west-1"),
        ("http://127.0.0.1:8080", ""),
        ("https://us-east-1.example.com", ""),
    ],
)
def test_a_host_tells_its_region(url: str, region: str) -> None:
    assert region_of(url) == region
