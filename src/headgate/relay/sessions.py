"""Which session a request belongs to, and where that was served last.

Agents say which conversation each request goes on with, and vendors cache prompts per account:
whoever hops between accounts pays for its whole prompt again, at up to ten times the price.

Source: `ecosystem.md` 4.1; the vendors' pages on prompt caching.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple
from zlib import crc32

import msgspec

from headgate.providers.provider import Operation
from headgate.relay.bounded import Bounded
from headgate.relay.call import Call
from headgate.routing.affinity import Seat
from headgate.routing.failover import Attempt

_MOST_BYTES = 16 * 1024 * 1024
_LIFETIME_S = 3600.0  # no vendor's cache lasts longer unless it is paid for
_LONGEST_NAME = 256
_CACHED = frozenset(
    {Operation.CHAT, Operation.COMPLETIONS, Operation.COUNT_TOKENS, Operation.COMPACT}
)
# What says most about the one conversation comes first.
_HEADERS = (
    b"x-claude-code-session-id",
    b"session-id",  # Codex
    b"session_id",  # Codex, earlier
    b"x-session-id",
    b"x-session-affinity",  # opencode
    b"x-opencode-session",
)
_IS_HEADER = frozenset(_HEADERS)
_IN_USER_ID = "_session_"  # Claude Code, earlier: user_..._account_..._session_...


class _Metadata(msgspec.Struct):
    """Anthropic's `metadata`."""

    user_id: str = ""


class _User(msgspec.Struct):
    """What Claude Code writes into `metadata.user_id`, as JSON."""

    session_id: str = ""


_text = msgspec.json.Decoder(str)
_metadata = msgspec.json.Decoder(_Metadata)
_user = msgspec.json.Decoder(_User)


class Session(NamedTuple):
    """One conversation of a key with a model."""

    owner: str
    model: str
    name: str


class Sessions:
    """Where sessions were served last. Bounded: those that nobody goes on with go first."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._kept: Bounded[Session, Seat] = Bounded(most_bytes, _LIFETIME_S)

    def __len__(self) -> int:
        return len(self._kept)

    def seat(self, session: Session, now_s: float) -> Seat | None:
        """Tell where a session was served last."""
        return self._kept.find(session, now_s)

    def note(
        self, session: Session, attempt: Attempt, now_s: float, known: Seat | None = None
    ) -> None:
        """Note who has answered a session, whose seat was `known` when the request was planned."""
        offer, label = attempt.offer, attempt.credential.label
        if known is not None and known.is_at(offer) and known.credential == label:
            return  # asking for it has kept it young
        turn = crc32(session.name.encode("utf-8", "surrogatepass"))
        seat = Seat(offer.channel.name, offer.model, label, turn)
        self._kept.put(session, seat, len(session.name), now_s)


def session_of(call: Call, owner: str) -> Session | None:
    """Tell which session of a key a request belongs to; None: it says nothing of one."""
    if call.operation not in _CACHED:
        return None
    name = _in_headers(call) or _in_body(call) or call.connection
    if not name or len(name) > _LONGEST_NAME:
        return None
    return Session(owner, call.model, name)


def _in_headers(call: Call) -> str:
    found = {name: value for name, value in call.headers if name in _IS_HEADER}
    if found:
        for name in _HEADERS:
            if found.get(name):
                return found[name].decode("latin-1")
    return ""


def _in_body(call: Call) -> str:
    """OpenAI's field for this, or the session within Anthropic's user id. None else has one."""
    raw = call.fields.get("prompt_cache_key")
    if raw is not None:
        with suppress(msgspec.DecodeError):  # null, or a mistake that is the upstream's to refuse
            return _text.decode(raw)
    raw = call.fields.get("metadata")
    if raw is None or b"session" not in bytes(raw):
        return ""
    try:
        user_id = _metadata.decode(raw).user_id
        if user_id.startswith("{"):
            return _user.decode(user_id).session_id
    except (msgspec.DecodeError, RecursionError):
        return ""
    return user_id.partition(_IN_USER_ID)[2]
