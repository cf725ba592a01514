"""Secrets do not get into texts."""

import pytest

from headgate.base.secrets import fingerprint, mask


def test_fingerprint_names_but_does_not_tell() -> None:
    assert fingerprint("sk-one") != fingerprint("sk-two")
    assert len(fingerprint("sk-one")) == 10
    assert "sk-one" not in fingerprint("sk-one")


def test_known_secrets_are_masked_whatever_they_look_like() -> None:
    assert mask("key plainword is bad", ["plainword"]) == "key *** is bad"


def test_keys_that_vendors_print_back_are_masked() -> None:
    text = "Incorrect API key provided: sk-proj-abcdefghijklmnop1234. See the docs."
    assert "abcdefgh" not in mask(text)
    assert "See the docs." in mask(text)


@pytest.mark.parametrize(
    "key",
    [
        "sk-abcdefghijkl",
        "sk-ant-api03-abcdefghijkl",
        "sk-ab************wxyz",
        "AIzaSyA1234567890abcdef-_",
        "gsk_abcdefghijklmnop",
        "hf_abcdefghijklmnop",
        "xai-abcdefghijklmnop",
        "ya29.abcdefghijklmnop",
        "pplx-abcdefghijklmnop",
        "AKIAABCDEFGHIJKLMNOP",
    ],
)
def test_each_vendors_spelling_is_masked(key: str) -> None:
    assert mask(f"key {key}, please") == "key ***, please"


@pytest.mark.parametrize(
    "text",
    [
        "The model `gpt-4o-mini-2024-07-18` does not exist (code 404)",
        "context_length_exceeded",
        "content_policy_violation, configuration_incomplete, confirmation_required",
        "jina-embeddings-v3",
        "pplx-embed-context-v1-4b",
        "risk-assessments-ok",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert mask(text) == text


def test_short_secrets_do_not_punch_holes_into_texts() -> None:
    assert mask("abc", ["b"]) == "abc"
