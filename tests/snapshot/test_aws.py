"""Channels of Amazon Bedrock: in uni-api's words, and in those of others."""

from __future__ import annotations

import pytest

from headgate.providers.auth.aws_sigv4 import AwsSigner
from headgate.providers.provider import Operation
from headgate.snapshot.facts import Credential
from tests.configs import ONE_KEY, channel_of, errors, one_channel, providers_text

HOST = "base_url: https://bedrock-runtime.eu-west-3.amazonaws.com\n"
PAIR = "aws_access_key: AKIA1\naws_secret_key: s/1\n"
MODEL = "model: [m]"


def refused(options: str) -> list[str]:
    return list(errors(providers_text(options) + ONE_KEY))


def credentials(options: str) -> tuple[Credential, ...]:
    return channel_of(one_channel(options + MODEL)).credentials


def signer_of(options: str) -> AwsSigner:
    (credential,) = credentials(options)
    assert isinstance(credential.sign, AwsSigner)
    return credential.sign


def signer(region: str = "eu-west-3", token: str = "") -> AwsSigner:
    return AwsSigner(
        access_key="AKIA1",
        secret_key="s/1",
        region=region,
        service="bedrock",
        session_token=token,
    )


def test_uni_apis_keys_sign_for_the_region_of_the_host() -> None:
    (credential,) = credentials(HOST + PAIR)
    assert credential.sign == signer()
    assert credential.secret == "s/1"
    assert credential.headers == ()
    assert credential.label not in ("", "AKIA1", "s/1")


def test_temporary_keys_bring_their_token() -> None:
    assert signer_of(HOST + PAIR + "aws_session_token: tok\n") == signer(token="tok")


@pytest.mark.parametrize(
    "options",
    [
        PAIR + "region: eu-west-3\n",
        "engine: aws\nregion: [eu-west-3]\n" + PAIR,
        "engine: aws\napi: eu-west-3|AKIA1|s/1\n",
        "engine: aws\napi: AKIA1|s/1|eu-west-3\n",
    ],
)
def test_without_an_address_the_region_makes_it(options: str) -> None:
    channel = channel_of(one_channel(options + MODEL))
    (endpoint,) = channel.endpoints[Operation.CHAT]
    root = "https://bedrock-runtime.eu-west-3.amazonaws.com/model/{model_id}"
    assert (endpoint.url, endpoint.stream_url) == (f"{root}/converse", f"{root}/converse-stream")
    assert (channel.engine, endpoint.dialect) == ("aws", "bedrock_converse")
    assert channel.credentials[0].sign == signer()


def test_another_address_needs_its_region_said() -> None:
    options = f"engine: aws\nbase_url: http://127.0.0.1:1/bedrock\n{PAIR}"
    assert signer_of(options + "region: us-east-2\n") == signer("us-east-2")
    assert "region is missing" in refused(options + MODEL)[0]


def test_the_region_that_is_written_beats_the_hosts() -> None:
    assert signer_of(HOST + PAIR + "region: us-east-1\n") == signer("us-east-1")


def test_an_api_key_of_bedrock_is_a_bearer() -> None:
    found = credentials(HOST + "api: [ABSKone, eu-west-3|ABSKtwo]\n")
    assert [credential.headers for credential in found] == [
        (("authorization", "Bearer ABSKone"),),
        (("authorization", "Bearer ABSKtwo"),),
    ]
    assert [credential.sign for credential in found] == [None, None]


def test_keys_of_all_kinds_stand_side_by_side() -> None:
    found = credentials(HOST + PAIR + "api: [AKIA1|s/1, ABSKone]\n")
    assert [credential.sign for credential in found] == [signer(), signer(), None]


def test_a_channel_without_keys_is_used_as_well() -> None:
    (credential,) = credentials(HOST)
    assert (credential.secret, credential.sign, credential.headers) == ("", None, ())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("engine: aws\n" + PAIR, "region is missing: write it, such as region: us-east-1"),
        (PAIR + "region: 'a b'\n", "region is missing"),
        (HOST + "aws_access_key: AKIA1\n", "aws_access_key: write aws_access_key and"),
        (HOST + "aws_secret_key: s\n", "aws_access_key: write aws_access_key and"),
        (HOST + "api: a|b|c|d\n", "providers[0].api: write aws_access_key and"),
        (HOST + "api: us-east-1|a|b\n", "a key for us-east-1, but the channel is in eu-west-3"),
        (HOST + 'api: "a b"\n', "the key holds characters that no header may hold"),
    ],
)
def test_what_cannot_be_used_says_what_to_write(options: str, said: str) -> None:
    assert said in refused(options + MODEL)[0]


def test_an_empty_key_and_a_second_region_are_warned_about() -> None:
    snapshot = one_channel(HOST + PAIR + 'api: ["", ABSK]\nregion: [eu-west-3, x]\n' + MODEL)
    assert [line.rpartition("]")[2] for line in snapshot.warnings] == [
        ": the key is empty: left out",
        ".region: a channel of AWS has one region: the first counts",
    ]
