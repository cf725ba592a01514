"""What every test gets: no network, but loopback in the rooms whose work is the network."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LOOPBACK = ["127.0.0.1", "::1"]
NETWORKED = frozenset({"contracts", "e2e", "edge", "lab", "relay", "upstream"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Open loopback, and nothing else, for the tests of networked rooms."""
    for item in items:
        if item.path.is_relative_to(TESTS) and item.path.relative_to(TESTS).parts[0] in NETWORKED:
            item.add_marker(pytest.mark.allow_hosts(LOOPBACK))
