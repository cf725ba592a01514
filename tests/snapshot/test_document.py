from __future__ import annotations

import typing

import msgspec
import pytest

from headgate.snapshot import document
from headgate.snapshot.document import ConfigError, key_path

STRUCTS = [
    value
    for value in vars(document).values()
    if isinstance(value, type)
    and issubclass(value, msgspec.Struct)
    and value.__module__ == document.__name__
]
NOT_WRITTEN = {"errors", "warnings", "locate"}
# Read from one item of a list, not from a map of options.
POSITIONAL = {"ModelName", "KeyRule", "Problem", "ConfigError"}


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_every_option_is_documented(struct: type[msgspec.Struct]) -> None:
    assert struct.__doc__
    if struct.__name__ in POSITIONAL:
        return
    for name, hint in typing.get_type_hints(struct, include_extras=True).items():
        if name in NOT_WRITTEN:
            continue
        (meta,) = hint.__metadata__
        assert meta.description.endswith((".", ")"))


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_every_option_may_be_left_out(struct: type[msgspec.Struct]) -> None:
    if struct.__name__ not in POSITIONAL and struct.__name__ != "Document":
        assert struct() == struct()


def test_paths_are_written_as_people_read_them() -> None:
    path = ("providers", 2, "preferences", "model_timeout", "gpt-4.1")
    assert key_path(path) == "providers[2].preferences.model_timeout.gpt-4.1"
    assert key_path(()) == ""


def test_an_error_reads_place_key_message() -> None:
    assert str(ConfigError("api.yaml:1:2", "a[0]", "no")) == "api.yaml:1:2: a[0]: no"
    assert str(ConfigError("api.yaml", "", "no")) == "api.yaml: no"
