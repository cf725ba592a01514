"""The order of messages where each answer of a tool is a message of its own (OpenAI's and its kin).

What stands in an answer but is no text, as pictures, follows it in a message of the user; where
several calls were answered, such a message must not come between the answers.

Source: platform.openai.com/docs/guides/function-calling.
"""

from __future__ import annotations

from collections.abc import Iterable

from headgate.ir.request import Json


def answers_first(messages: Iterable[Json]) -> list[Json]:
    """Put the answers to one message's calls together, what the user says among them behind."""
    ordered: list[Json] = []
    for message in messages:
        place = len(ordered)
        if message.get("role") == "tool":
            while place and ordered[place - 1].get("role") == "user":
                place -= 1
            if not place or ordered[place - 1].get("role") != "tool":
                place = len(ordered)
        ordered.insert(place, message)
    return ordered
