"""Where a channel's operations are asked for, and how its credentials are shown there."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from headgate.base.secrets import fingerprint
from headgate.providers import roots
from headgate.providers.provider import Auth, Operation, Provider, Root
from headgate.snapshot.facts import Credential, Endpoint, Headers

# A channel without a key is used as well (local servers): with this credential, which is none.
ANONYMOUS = Credential(label="none", secret="")

# Operations that have one wire form whoever answers them.
_FORMS: Mapping[str, str] = {Operation.COMPLETIONS: "openai_completions"}

# Where a server listens that speaks other dialects beside its row's, below the same root.
USUAL_PATHS: Mapping[str, str] = {
    "openai_chat": "/chat/completions",
    "openai_responses": "/responses",
    "anthropic": "/messages",
}


def endpoints_of(
    provider: Provider, base_url: str, dialects: Sequence[str] | None = None
) -> Mapping[Operation, tuple[Endpoint, ...]]:
    """Build the URL of each operation that the row names. `dialects` replaces the row's own."""
    root = (provider.root or roots.complete_url)(base_url)
    if provider.base_url and root.url == roots.host(provider.base_url).url:
        root = Root(provider.base_url.rstrip("/"), root.query)  # a bare host of a known vendor
    found: dict[Operation, tuple[Endpoint, ...]] = {}
    names = provider.chat_dialects if dialects is None else dialects
    chat = tuple(_endpoint(provider, root, name, name) for name in names)
    if chat:
        found[Operation.CHAT] = chat
    family = provider.chat_dialects[0] if chat else "openai_chat"
    for operation in Operation:
        if operation in provider.paths:
            form = provider.forms.get(operation) or _FORMS.get(operation, family)
            elsewhere = provider.elsewhere.get(operation)
            place = root if elsewhere is None else elsewhere(base_url)
            found[operation] = (_endpoint(provider, place, operation, form),)
    return found


def credential(auth: Auth, secret: str) -> Credential:
    """Prepare a key to be shown."""
    headers, query = _shown(auth, secret)
    return Credential(label=fingerprint(secret), secret=secret, headers=headers, query=query)


def _endpoint(provider: Provider, root: Root, path: str, dialect: str) -> Endpoint:
    stream_path = provider.stream_paths.get(path)
    return Endpoint(
        dialect=dialect,
        url=_joined(root, provider.paths[path] if path in provider.paths else USUAL_PATHS[path]),
        stream_url=_joined(root, stream_path) if stream_path else "",
    )


def _joined(root: Root, path: str) -> str:
    url = root.url + path
    if not root.query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{root.query}"


def _shown(auth: Auth, secret: str) -> tuple[Headers, str]:
    match auth:
        case Auth.BEARER:
            return (("authorization", f"Bearer {secret}"),), ""
        case Auth.X_API_KEY:
            return (("x-api-key", secret),), ""
        case Auth.API_KEY:
            return (("api-key", secret),), ""
        case Auth.GOOG_API_KEY:
            return (("x-goog-api-key", secret),), ""
        case Auth.QUERY_KEY:
            return (), f"key={quote(secret, safe='')}"
        case Auth.BASIC_TOKEN:
            token = base64.b64encode(f"token:{secret}".encode()).decode()
            return (("authorization", f"Basic {token}"),), ""
        case Auth.AWS | Auth.NONE:  # what AWS is shown, `aws.py` knows
            return (), ""
