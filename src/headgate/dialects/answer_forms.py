"""The form that an answer shall have: its schema, and words that ask for it where no field does."""

from __future__ import annotations

from headgate.dialects.lenient_json import compact
from headgate.ir.loss import Losses
from headgate.ir.request import Json, ResponseFormat

_JSON_ONLY = "Answer with one JSON object and nothing else: no words around it, no code fence."
_SCHEMA_ONLY = "Answer with JSON that matches this JSON Schema, and with nothing else:\n"


def described_schema(asked: ResponseFormat, losses: Losses) -> Json | None:
    """Give the schema with its description inside, where nothing stands beside a schema.

    None if there is no schema. Names what is lost: its name, a second description.
    """
    schema = asked.schema or None
    if asked.name:
        losses.dropped("response_format.json_schema.name")
    if schema is not None and asked.description and "description" not in schema:
        return {**schema, "description": asked.description}
    if asked.description:
        note = "there is no schema" if schema is None else "the schema has its own"
        losses.dropped("response_format.json_schema.description", note)
    return schema


def in_words(schema: Json | None) -> str:
    """Ask for JSON in the words of a system prompt."""
    return _JSON_ONLY if schema is None else _SCHEMA_ONLY + compact(schema)
