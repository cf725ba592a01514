"""The headers of a request to an upstream: ours, the row's, the caller's, the operator's.

What concerns one hop only, and what a caller proves itself with, never goes upstream (S-26).
"""

from __future__ import annotations

from functools import lru_cache

from headgate import __version__
from headgate.relay.call import Call
from headgate.routing.failover import Attempt
from headgate.snapshot.facts import Channel, Credential, Headers
from headgate.upstream.response import find_header

_OURS = {
    "content-type": "application/json",
    "accept": "*/*",
    "user-agent": f"headgate/{__version__}",
}

# Headers of callers that mean something to an upstream of the same dialect; Codex's and Claude
# Code's own among them (`ecosystem.md` 4.1).
_OPENAI = frozenset({b"openai-beta", b"openai-organization", b"openai-project"}) | {
    # Sessions: some vendors route by them as well.
    *(b"x-session-affinity", b"x-session-id", b"x-opencode-session"),
}
_FORWARDED = {
    "openai_chat": _OPENAI,
    "openai_completions": _OPENAI,
    "openai_responses": _OPENAI
    | {b"originator", b"session-id", b"session_id", b"thread-id", b"conversation_id"}
    | {b"x-client-request-id", b"x-codex-turn-metadata", b"x-codex-beta-features", b"version"},
    "anthropic": frozenset({b"anthropic-beta", b"anthropic-version", b"x-app"})
    | {b"x-claude-code-session-id", b"anthropic-dangerous-direct-browser-access"},
    "gemini": frozenset({b"x-goog-api-client"}),
}
# A caller's key, wherever it may stand: an operator who lets all headers through means others.
_SECRET = frozenset({"authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"})


def headers_for(attempt: Attempt, dialect: str, call: Call) -> Headers:
    """The upstream request's headers; later ones win over earlier ones of the same name.

    Order: ours, the provider's, the caller's meaningful ones (`anthropic-version` says how the body
    is to be read), the operator's, the callers' that the operator lets through, the credential.
    """
    channel = attempt.offer.channel
    theirs = _forwarded(call, dialect) if dialect == call.dialect else {}
    through = {
        name.lower(): value.decode("latin-1")
        for name in channel.passthrough_headers
        if name.lower() not in _SECRET
        and (value := find_header(call.headers, name.lower().encode())) is not None
    }
    if theirs or through:
        headers = _OURS | _named(channel.provider.headers) | theirs | _named(channel.headers)
        return tuple((headers | through | _named(attempt.credential.headers)).items())
    return _fixed_headers(channel, attempt.credential)


def with_content_type(headers: Headers, content_type: str) -> Headers:
    """Say what the body is, whatever was to be said of it before."""
    others = [header for header in headers if header[0] != "content-type"]
    return (*others, ("content-type", content_type))


@lru_cache(maxsize=4096)
def _fixed_headers(channel: Channel, credential: Credential) -> Headers:
    """The headers of a channel and credential, when the caller adds none."""
    headers = _OURS | _named(channel.provider.headers) | _named(channel.headers)
    return tuple((headers | _named(credential.headers)).items())


def _named(headers: Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


def _forwarded(call: Call, dialect: str) -> dict[str, str]:
    wanted = _FORWARDED.get(dialect, frozenset())
    return {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in call.headers
        if name in wanted
    }
