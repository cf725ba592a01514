"""Responses that this gateway keeps itself, because their upstream cannot.

The Responses API lets a caller go on from a stored response (`previous_response_id`). Where the
answer came from an upstream of another dialect, nobody has stored it; so its items are kept here,
for the key that asked, and put in front of the next request's.

Source: platform.openai.com/docs/guides/conversation-state.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.dialect import Fields
from headgate.relay.bounded import Bounded

_MOST_BYTES = 128 * 1024 * 1024
_LIFETIME_S = 24 * 3600.0
_LONGEST_CHAIN = 1_000

_items = msgspec.json.Decoder(list[Raw])
_response = msgspec.json.Decoder(dict[str, Raw])


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """One stored response: what was asked, what came, and what it went on from ("": nothing)."""

    response: bytes
    asked: tuple[bytes, ...]
    said: tuple[bytes, ...]
    previous_id: str = ""


class Conversations:
    """Stored responses by key and id. Bounded: the oldest go first."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._kept: Bounded[tuple[str, str], Conversation] = Bounded(most_bytes, _LIFETIME_S)

    def remember(self, owner: str, asked: Fields, response: bytes, now_s: float) -> None:
        """Store a response, as the caller got it, with the request that it answers."""
        fields = _response.decode(response)
        response_id = msgspec.json.decode(fields["id"], type=str)
        previous = asked.get("previous_response_id")
        kept = Conversation(
            response=response,
            asked=tuple(map(bytes, items_of(asked.get("input")))),
            said=tuple(map(bytes, _items.decode(fields["output"]))),
            previous_id=(msgspec.json.decode(previous) or "") if previous is not None else "",
        )
        size_bytes = len(response) + sum(map(len, kept.asked)) + sum(map(len, kept.said))
        self._kept.put((owner, response_id), kept, size_bytes, now_s)

    def find(self, owner: str, response_id: str, now_s: float) -> Conversation | None:
        """Give a stored response of a key."""
        return self._kept.find((owner, response_id), now_s)

    def forget(self, owner: str, response_id: str) -> bool:
        """Delete a stored response; False if there is none."""
        return self._kept.forget((owner, response_id))

    def items_before(self, owner: str, response_id: str, now_s: float) -> list[Raw] | None:
        """Give all items up to and with a response, oldest first. None if one is gone."""
        turns: list[Conversation] = []
        while response_id:
            kept = self.find(owner, response_id, now_s)
            if kept is None or len(turns) >= _LONGEST_CHAIN:
                return None
            turns.append(kept)
            response_id = kept.previous_id
        return [Raw(item) for kept in reversed(turns) for item in (*kept.asked, *kept.said)]


def items_of(given: Raw | None) -> list[Raw]:
    """Read `input`: items, or one text that the user says.

    Errors: RelayError INVALID_REQUEST when it is neither.
    """
    if given is None or bytes(given) == b"null":
        return []
    try:
        if bytes(given)[:1] == b'"':
            said = {"type": "message", "role": "user", "content": msgspec.json.decode(given)}
            return [Raw(msgspec.json.encode(said))]
        return _items.decode(given)
    except msgspec.DecodeError:
        failure = Failure(
            kind=FailureKind.INVALID_REQUEST,
            message="`input` must be a text or a list of items",
            param="input",
        )
        raise RelayError(failure) from None


def continued(fields: Fields, before: Sequence[Raw]) -> Fields:
    """Write a request that goes on from stored items as one that holds them itself."""
    joined = Raw(msgspec.json.encode([*before, *items_of(fields.get("input"))]))
    return {
        name: joined if name == "input" else value
        for name, value in {**fields, "input": joined}.items()
        if name != "previous_response_id"
    }


def unknown_response(response_id: str) -> RelayError:
    """Nobody has stored this response, as OpenAI says it."""
    return RelayError(
        Failure(
            kind=FailureKind.INVALID_REQUEST,
            message=f"Previous response with id '{response_id[:200]}' not found.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    )
