"""What a connection remembers of its responses, so that the next one can go on from them.

Over a WebSocket the Responses API keeps a conversation for as long as the connection lasts, even
where nothing may be stored. Here it is kept as the items that the caller would have to send again;
what may be stored is in the stores of `remembering.py` too, or with the vendor.
Source: developers.openai.com/api/docs/guides/websocket-mode.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.dialects.dialect import Fields
from headgate.dialects.fields import field

MOST_BYTES = 32 * 1024 * 1024
MOST_TURNS = 64
PREVIOUS = "previous_response_id"

Items = tuple[msgspec.Raw, ...]


class _Item(msgspec.Struct):
    """What must be known of an item before it can be sent again."""

    type: str = ""
    encrypted_content: str | None = None


_item = msgspec.json.Decoder(_Item)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A response, with all that was said up to it. `is_stored`: it is kept elsewhere as well."""

    items: Items
    size: int
    is_stored: bool = False


class Turns:
    """The latest responses of one connection, within a bound of bytes and of number."""

    def __init__(self, most_bytes: int = MOST_BYTES, most_turns: int = MOST_TURNS) -> None:
        self._most_bytes = most_bytes
        self._most_turns = most_turns
        self._kept: OrderedDict[str, Turn] = OrderedDict()
        self._bytes = 0

    def keep(
        self,
        response_id: str,
        asked: Sequence[msgspec.Raw],
        output: Sequence[msgspec.Raw] = (),
        *,
        is_stored: bool = False,
    ) -> None:
        """Remember a response; the oldest are forgotten for it. A huge one is not kept at all."""
        items = (*asked, *replayable(output))
        size = sum(len(memoryview(item)) for item in items)
        if not response_id or size > self._most_bytes:
            return
        self._forget(response_id)
        self._kept[response_id] = Turn(items=items, size=size, is_stored=is_stored)
        self._bytes += size
        while self._bytes > self._most_bytes or len(self._kept) > self._most_turns:
            self._forget(next(iter(self._kept)))

    def find(self, response_id: str) -> Turn | None:
        """Find a response that is still remembered."""
        return self._kept.get(response_id)

    def _forget(self, response_id: str) -> None:
        turn = self._kept.pop(response_id, None)
        if turn is not None:
            self._bytes -= turn.size


def previous_id(fields: Fields) -> str | None:
    """Read `previous_response_id`. Errors: RelayError INVALID_REQUEST when it is no string."""
    value = field(fields, PREVIOUS)
    if value is None or isinstance(value, str):
        return value
    message = f"`{PREVIOUS}` must be a string"
    raise RelayError(Failure(kind=FailureKind.INVALID_REQUEST, message=message, param=PREVIOUS))


def replayable(output: Sequence[msgspec.Raw]) -> list[msgspec.Raw]:
    """Choose the items of a response that mean something when they are sent again.

    Reasoning without its encrypted content is only a reference to the vendor's store. What
    followed it must then not name itself either, or the vendor misses the reasoning beside it.
    """
    kept = [item for item in output if not _is_reference(item)]
    if len(kept) == len(output):
        return list(output)
    return [_without_id(item) for item in kept]


def _is_reference(item: msgspec.Raw) -> bool:
    try:
        known = _item.decode(item)
    except msgspec.ValidationError:
        return False
    return known.type == "reasoning" and not known.encrypted_content


def _without_id(item: msgspec.Raw) -> msgspec.Raw:
    fields = _fields.decode(item)
    fields.pop("id", None)
    return msgspec.Raw(msgspec.json.encode(fields))
