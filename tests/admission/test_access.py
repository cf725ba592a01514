"""Which model a key's request means (`uni-api.md` 1.5; 6.2, case 28)."""

import pytest

from headgate.admission.access import listed_models, resolved_model
from headgate.snapshot.facts import Key

KEY = Key(
    key_id="k",
    role="user",
    is_admin=False,
    routes={"claude-3": (), "gpt-4": (), "gpt-4o": (), "odd*": ()},
)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-*", "gpt-4"),
        ("*", "claude-3"),
        ("odd*", "odd*"),
        ("llama*", "llama*"),
        ("gpt", "gpt"),
    ],
)
def test_star_means_the_first_model_that_fits(asked: str, meant: str) -> None:
    assert resolved_model(KEY, asked) == meant


def test_models_are_listed_in_the_order_of_the_rules() -> None:
    assert listed_models(KEY) == ["claude-3", "gpt-4", "gpt-4o", "odd*"]
