from __future__ import annotations

import pytest

from headgate.dialects.bridge import WIRES
from headgate.dialects.embeddings import EMBEDDINGS
from headgate.dialects.rerank import RERANK
from headgate.providers.catalog import CATALOG
from headgate.providers.provider import Operation, Provider

ROWS = pytest.mark.parametrize("row", CATALOG.values(), ids=lambda row: row.name)


@ROWS
def test_every_chat_dialect_of_a_row_has_a_path(row: Provider) -> None:
    assert set(row.chat_dialects) <= set(row.paths)


@ROWS
def test_a_row_without_any_wire_says_what_is_missing(row: Provider) -> None:
    assert bool(row.chat_dialects or row.paths) != bool(row.missing)


@ROWS
def test_paths_name_operations_and_dialects_of_the_row_only(row: Provider) -> None:
    assert set(row.paths) <= {*row.chat_dialects, *(each.value for each in Operation)}


@ROWS
def test_paths_can_be_appended_to_a_root(row: Provider) -> None:
    paths = [*row.paths.values(), *row.stream_paths.values()]
    assert [path for path in paths if path and not path.startswith("/")] == []


def test_github_models_offers_seven_models_unasked_and_is_gone() -> None:
    row = CATALOG["github-models"]
    assert len(row.fixed_models) == 7
    assert row.retry_client_errors
    assert "2026-07-30" in row.gone


@ROWS
def test_every_form_of_vectors_and_ranks_is_one_that_is_written(row: Provider) -> None:
    family = row.chat_dialects[0] if row.chat_dialects else "openai_chat"
    for operation, written in ((Operation.EMBEDDINGS, EMBEDDINGS), (Operation.RERANK, RERANK)):
        if operation in row.paths:
            assert row.forms.get(operation, family) in written


@ROWS
def test_every_chat_dialect_of_a_row_is_one_that_is_written(row: Provider) -> None:
    assert set(row.chat_dialects) <= WIRES.keys() | {"openai_responses"}
