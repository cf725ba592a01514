from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from headgate.lab.wires.question import Json, Prompt, Question
from headgate.lab.wires.vectors import (
    DIMENSIONS,
    DIMENSIONS_MAX,
    cohere_embeddings,
    gemini_embedding,
    gemini_embeddings,
    ollama_embedding,
    ollama_embeddings,
    openai_embeddings,
    vector,
)


def asked(wire: str, **body: object) -> Question:
    return Question(wire=wire, operation="embeddings", prompt=Prompt(body=body))


def openai(**body: object) -> Any:
    return json.decode(openai_embeddings(asked("openai", **body)))


@given(st.text(), st.integers(1, 64))
def test_a_text_has_one_vector_that_survives_float32(text: str, size: int) -> None:
    numbers = vector(text, size)
    assert numbers == vector(text, size)
    assert len(numbers) == size
    assert all(-1 <= number < 1 for number in numbers)
    packed = struct.pack(f"<{size}f", *numbers)
    assert list(struct.unpack(f"<{size}f", packed)) == numbers


def test_floats_and_base64_say_the_same() -> None:
    floats = openai(input="a b", dimensions=4)["data"][0]["embedding"]
    packed = openai(input="a b", dimensions=4, encoding_format="base64")["data"][0]["embedding"]
    assert list(struct.unpack("<4f", base64.b64decode(packed))) == floats


@pytest.mark.parametrize(
    ("given_input", "count"), [("a", 1), (["a", "b"], 2), ([1, 2], 1), ([[1], [2, 3]], 2), (7, 0)]
)
def test_an_input_is_one_text_several_or_tokens(given_input: object, count: int) -> None:
    assert [row["index"] for row in openai(input=given_input)["data"]] == list(range(count))


@pytest.mark.parametrize("odd", [[None], [5, "a"], ["a", {"b": 1}], [[None], 1.5]])
def test_an_odd_input_is_taken_for_text(odd: object) -> None:
    assert openai(input=odd)["data"]


def test_the_usage_counts_words() -> None:
    assert openai(input=["a b", "c"])["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


def test_dimensions_are_bounded() -> None:
    sizes = [len(openai(input="a", dimensions=n)["data"][0]["embedding"]) for n in (None, 2, 10**9)]
    assert sizes == [DIMENSIONS, 2, DIMENSIONS_MAX]


def test_gemini_embeds_one_or_a_batch() -> None:
    one: Json = {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 3}
    values = {"values": vector("a", 3)}
    assert json.decode(gemini_embedding(asked("gemini", **one))) == {"embedding": values}
    batch = json.decode(gemini_embeddings(asked("gemini", requests=[one, one])))
    assert batch == {"embeddings": [values, values]}


def test_cohere_and_ollama_embed_the_same_vectors() -> None:
    texts = ["a b", "c"]
    expected = [vector(text, 4) for text in texts]
    given_texts = asked("cohere", texts=texts, output_dimension=4)
    cohere: Any = json.decode(cohere_embeddings(given_texts))
    assert cohere["embeddings"]["float"] == expected
    assert cohere["meta"]["billed_units"] == {"input_tokens": 3}
    inputs = [{"content": [{"type": "text", "text": text}]} for text in texts]
    again: Any = json.decode(cohere_embeddings(asked("cohere", inputs=inputs)))
    assert again["texts"] == texts
    ollama: Any = json.decode(ollama_embeddings(asked("ollama", input=texts, dimensions=4)))
    assert (ollama["embeddings"], ollama["prompt_eval_count"]) == (expected, 3)
    one: Any = json.decode(ollama_embedding(asked("ollama", prompt="c")))
    assert one == {"embedding": vector("c", DIMENSIONS)}
