from __future__ import annotations

import pytest

from headgate.dialects.cohere.models import thinks


@pytest.mark.parametrize(
    "model",
    ["command-a-reasoning-08-2025", "command-a-plus-05-2026", "command-b-01-2027", "north-x"],
)
def test_newer_models_think(model: str) -> None:
    assert thinks(model)


@pytest.mark.parametrize(
    "model",
    [
        *("command", "command-light", "command-r", "command-r7b-12-2024", "command-r-plus-08-2024"),
        *("command-a-03-2025", "command-a-vision-07-2025", "command-a-translate-08-2025"),
        *("c4ai-aya-expanse-32b", "CohereLabs/c4ai-command-r-v01", "Command-R"),
    ],
)
def test_older_models_do_not(model: str) -> None:
    assert not thinks(model)
