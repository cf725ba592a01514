"""A lab with gateways for each end-to-end test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.harness import Bench, bench


@pytest.fixture(name="bench")
async def a_bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made
