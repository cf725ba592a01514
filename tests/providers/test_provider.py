from __future__ import annotations

from headgate.providers.provider import Auth, Operation, Provider


def test_a_row_of_a_name_alone_is_an_openai_compatible_upstream_with_a_bearer_key() -> None:
    row = Provider(name="someone")
    assert (row.auth, row.chat_dialects, row.missing) == (Auth.BEARER, ("openai_chat",), "")


def test_operations_are_plain_words_so_that_paths_may_mix_them_with_dialects() -> None:
    assert {"openai_chat": "/a", Operation.EMBEDDINGS: "/b"}["embeddings"] == "/b"
