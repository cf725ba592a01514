from __future__ import annotations

import pytest

from headgate.dialects.openai_responses.models import thinks


@pytest.mark.parametrize(
    "model", ["gpt-4o", "gpt-4.1-mini", "openai/gpt-4o", "ft:gpt-4o:x", "gpt-5-chat-latest"]
)
def test_some_models_do_not_think(model: str) -> None:
    assert not thinks(model)


@pytest.mark.parametrize(
    "model", ["gpt-5.4", "o4-mini", "openai.gpt-oss-120b", "grok-4.3", "my-deployment"]
)
def test_others_may(model: str) -> None:
    assert thinks(model)
