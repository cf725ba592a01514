"""`<think>...</think>` at the beginning of a text: thinking that the server has not cut out.

DeepSeek's distills, Qwen and MiniMax on many servers write it so (`providers.md` 5, `recordings.md`
5.2). Only a text that begins with the tag is meant; anywhere else it is what was said.
"""

from __future__ import annotations

from typing import NamedTuple

_OPEN = "<think>"
_CLOSE = "</think>"
_MOST_SPACE = 16  # before the tag; beyond that, white space is the answer


class Piece(NamedTuple):
    """A part of the text, without the tags."""

    is_thought: bool
    text: str


class ThinkTags:
    """Takes one choice's text piece by piece, wherever it is cut. `is_done`: the rest is text."""

    def __init__(self) -> None:
        self.is_done = False
        self._held = ""  # what may be the beginning of a tag
        self._is_inside = False
        self._is_after = False
        self._is_blank = True  # white space after the tag is not thought

    def feed(self, text: str) -> list[Piece]:
        """Take text, give what is known of it."""
        text, self._held = self._held + text, ""
        if self._is_inside:
            return self._inside(text)
        if self._is_after:
            return self._after(text)
        return self._before(text)

    def end(self) -> list[Piece]:
        """The text is over, or something else comes: give what was held back."""
        held, self._held = self._held, ""
        self.is_done = True
        return [Piece(self._is_inside, held)] if held else []

    def _before(self, text: str) -> list[Piece]:
        word = text.lstrip()
        if len(text) - len(word) <= _MOST_SPACE:
            if word.startswith(_OPEN):
                self._is_inside = True
                return self._inside(word[len(_OPEN) :])
            if _OPEN.startswith(word):
                self._held = text
                return []
        self.is_done = True
        return [Piece(False, text)]

    def _inside(self, text: str) -> list[Piece]:
        thought, tag, rest = text.partition(_CLOSE)
        if not tag:
            kept = _possible_tag(thought)
            thought, self._held = thought[: len(thought) - kept], thought[len(thought) - kept :]
        if self._is_blank:
            thought = thought.lstrip()
        pieces = []
        if thought:
            self._is_blank = False
            pieces.append(Piece(True, thought))
        if tag:
            self._is_inside, self._is_after = False, True
            pieces += self._after(rest)
        return pieces

    def _after(self, text: str) -> list[Piece]:
        text = text.lstrip()
        if not text:
            return []
        self.is_done = True
        return [Piece(False, text)]


def _possible_tag(text: str) -> int:
    """Count the characters at the end of a text that may begin the closing tag."""
    for length in range(min(len(text), len(_CLOSE) - 1), 0, -1):
        if _CLOSE.startswith(text[-length:]):
            return length
    return 0


def split(text: str) -> list[Piece]:
    """Cut a whole text."""
    tags = ThinkTags()
    return [*tags.feed(text), *tags.end()]
