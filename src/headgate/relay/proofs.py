"""Vendors' proofs on reasoning and tool calls, kept for callers whose dialect or client drops them.

Anthropic, Gemini and OpenAI sign or encrypt what their models thought and want it back with the
next turn of a tool loop; a client of another dialect often has no place for it, or forgets it. A
reply's proofs are kept by what the reply said, for the key that asked, and put back only into a
request for the dialect that made them.

Source: platform.claude.com/docs/en/build-with-claude/extended-thinking (preserving thinking
blocks); ai.google.dev/gemini-api/docs/thought-signatures; `peers.md` 5.3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from headgate.ir.request import ChatRequest, Part, Signature, Text, Thinking, ToolCall, Turn
from headgate.relay.bounded import Bounded

_MOST_BYTES = 64 * 1024 * 1024
_LIFETIME_S = 6 * 3600.0


class _Kept(msgspec.Struct, frozen=True):
    """What one reply is to be given back: its thoughts, and the proofs on its calls, in order."""

    thoughts: tuple[Thinking, ...]
    calls: tuple[Signature | None, ...]
    text: Signature | None

    @property
    def proofs(self) -> list[Signature]:
        """All proofs of the reply."""
        found = [*(thought.signature for thought in self.thoughts), *self.calls, self.text]
        return [proof for proof in found if proof is not None]


class Proofs:
    """The proofs of recent replies. Bounded: the oldest go first."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._kept: Bounded[bytes, _Kept] = Bounded(most_bytes, _LIFETIME_S)

    def remember(self, owner: str, origin: str, parts: Sequence[Part], now_s: float) -> None:
        """Keep what a reply proved. `owner` is the caller's key id, `origin` the dialect.

        Thoughts are kept with any proof that came with them: Bedrock has Claude's and its own.
        """
        thoughts = tuple(
            part for part in parts if isinstance(part, Thinking) and part.signature is not None
        )
        calls = tuple(part.signature for part in parts if isinstance(part, ToolCall))
        texts = (part.signature for part in parts if isinstance(part, Text))
        text = next((signature for signature in texts if signature is not None), None)
        if not thoughts and text is None and not any(calls):
            return
        kept = _Kept(thoughts, calls, text)
        size_bytes = sum(len(thought.text) for thought in thoughts)
        size_bytes += sum(len(proof.value) for proof in kept.proofs)
        self._kept.put(_fingerprint(owner, origin, parts), kept, size_bytes, now_s)

    def restored(self, owner: str, origin: str, request: ChatRequest, now_s: float) -> ChatRequest:
        """Put the proofs of this dialect back where the caller's turns lack them.

        A client that gives some of them back, as its dialect has a place for some, gets the others
        added; one whose proofs are of another reply with the same words is left alone.
        """
        if not len(self._kept):
            return request
        turns = list(request.turns)
        for start, end in _replies(turns):
            group = turns[start:end]
            parts = [part for turn in group for part in turn.parts]
            kept = self._kept.find(_fingerprint(owner, origin, parts), now_s)
            if kept is not None and _proofs_of(parts, origin) < {p.value for p in kept.proofs}:
                turns[start:end] = _with_proofs(group, kept)
        return replace(request, turns=tuple(turns))


def _proofs_of(parts: Sequence[Part], origin: str) -> set[str]:
    """Collect the proofs of a dialect that a caller gives back itself."""
    found = [part.signature for part in parts if isinstance(part, Thinking | ToolCall | Text)]
    return {proof.value for proof in found if proof is not None and proof.origin == origin}


def _fingerprint(owner: str, origin: str, parts: Sequence[Part]) -> bytes:
    """Digest what a reply said and called. Clients change ids, white space and key order."""
    text = "".join(part.text for part in parts if isinstance(part, Text)).strip()
    calls = [(part.name, _sorted(part.arguments)) for part in parts if isinstance(part, ToolCall)]
    return hashlib.sha256(msgspec.json.encode((owner, origin, text, calls))).digest()


def _sorted(arguments: str) -> object:
    try:
        value = msgspec.json.decode(arguments or "{}")
        return msgspec.json.encode(value, order="sorted").decode()
    except (msgspec.DecodeError, RecursionError):
        return arguments


def _replies(turns: Sequence[Turn]) -> Iterator[tuple[int, int]]:
    """Find the runs of assistant turns: some dialects spread one reply over several."""
    start = 0
    while start < len(turns):
        end = start
        while end < len(turns) and turns[end].role == "assistant":
            end += 1
        if end > start:
            yield start, end
        start = max(end, start + 1)


def _with_proofs(group: Sequence[Turn], kept: _Kept) -> list[Turn]:
    signatures = iter(kept.calls)
    text = kept.text
    turns = []
    for turn in group:
        parts: list[Part] = []
        for part in turn.parts:
            if isinstance(part, ToolCall):
                parts.append(replace(part, signature=next(signatures, None) or part.signature))
            elif isinstance(part, Text) and text is not None:
                parts.append(replace(part, signature=text))
                text = None
            elif not (isinstance(part, Thinking) and kept.thoughts):
                parts.append(part)  # unsigned thoughts make way for the signed ones
        turns.append(replace(turn, parts=tuple(parts)))
    turns[0] = replace(turns[0], parts=(*kept.thoughts, *turns[0].parts))
    return turns
