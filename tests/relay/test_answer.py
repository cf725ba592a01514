"""An answer, and the name it shows."""

import pytest

from headgate.relay.answer import shown_model
from tests.facts import channel, offer


@pytest.mark.parametrize(
    ("model", "alias", "answer_model", "shown"),
    [
        ("up", "alias", "requested", "alias"),
        ("up", "alias", "upstream", None),
        ("same", "same", "requested", None),
    ],
)
def test_renamed_model_is_shown_by_the_name_that_was_asked_for(
    model: str, alias: str, answer_model: str, shown: str | None
) -> None:
    made = offer(channel("a", answer_model=answer_model), model, alias=alias)
    assert shown_model(made) == shown
