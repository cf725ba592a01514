"""Secrets do not get into texts."""

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


def test_ordinary_words_stay() -> None:
    text = "The model `gpt-4o-mini-2024-07-18` does not exist (code 404)"
    assert mask(text) == text


def test_short_secrets_do_not_punch_holes_into_texts() -> None:
    assert mask("abc", ["b"]) == "abc"
