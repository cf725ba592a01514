"""From the bytes of an api.yaml to a `Document`. Nothing raises for what an operator wrote.

Source: `uni-api.md` 1 and 8 (the grammar, in every era's spelling).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headgate.snapshot.document import Document, Path, Problem
from headgate.sources.reader import Reader
from headgate.sources.scalars import UnreadableError
from headgate.sources.yaml_tree import YamlError, read_tree


def read_document(data: bytes, name: str, environment: Mapping[str, str]) -> Document:
    """Read a document; its `errors` say what could not be read.

    `name` is how places begin ("api.yaml:12:5"). `environment` fills in ${VARIABLES}.
    """
    try:
        tree = read_tree(data)
    except YamlError as error:
        return _unreadable(f"{name}:{error.place}" if error.place else name, error.message)
    if tree.root is None:
        return _unreadable(name, "the file is empty: it needs providers and api_keys")
    reader = Reader(environment)
    try:
        document = reader.struct(Document, tree.root, ())
    except UnreadableError:
        return _unreadable(name, "this is no api.yaml: write a map with providers and api_keys")

    def locate(path: Path) -> str:
        place = tree.locate(path)
        return f"{name}:{place}" if place else name

    return msgspec.structs.replace(
        document,
        errors=tuple(reader.errors),
        warnings=(*tree.oddities, *reader.warnings),
        locate=locate,
    )


def _unreadable(place: str, message: str) -> Document:
    return Document(errors=(Problem((), message),), locate=lambda path: place)
