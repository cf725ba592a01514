"""What the data plane reads: resolved, indexed, immutable.

Everything that can be decided when the configuration is read is decided then (`compile.py`), so
that a request only looks things up.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from headgate.base.money import NanoUsd
from headgate.providers.auth.signer import Signer
from headgate.providers.provider import Operation, Provider, Quirk

Headers = tuple[tuple[str, str], ...]


class Strategy(StrEnum):
    """In which order channels (or a channel's credentials) are tried."""

    FIXED_PRIORITY = "fixed_priority"
    ROUND_ROBIN = "round_robin"
    WEIGHTED_ROUND_ROBIN = "weighted_round_robin"
    SMART_ROUND_ROBIN = "smart_round_robin"
    LOTTERY = "lottery"
    RANDOM = "random"


class LossPolicy(StrEnum):
    """What happens when a translation cannot carry a field."""

    IGNORE = "ignore"
    REPORT = "report"  # name it in x-headgate-loss
    REFUSE = "refuse"  # 400


class Window(NamedTuple):
    """At most so many requests in any so many seconds."""

    requests: int
    seconds: float


class RateLimit(msgspec.Struct, frozen=True):
    """All windows must have room. `tokens_per_request` bounds the size of a single prompt."""

    windows: tuple[Window, ...] = ()
    tokens_per_request: int | None = None


class LimitTable(msgspec.Struct, frozen=True):
    """Limits by model name.

    The exact name counts, else the first one that is contained in it (file order), else `default`.
    """

    entries: tuple[tuple[str, RateLimit], ...] = ()
    default: RateLimit | None = None

    def limit_for(self, model: str) -> RateLimit | None:
        """Find the limit that governs a model."""
        for name, limit in self.entries:
            if name == model:
                return limit
        for name, limit in self.entries:
            if name in model:
                return limit
        return self.default


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one attempt, in seconds. None means unbounded (only `total_s` may be)."""

    connect_s: float = 15.0
    write_s: float = 30.0
    first_byte_s: float = 100.0
    idle_s: float = 100.0
    total_s: float | None = None


class TimeoutChange(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the bounds, to be laid over others."""

    connect_s: float | None = None
    write_s: float | None = None
    first_byte_s: float | None = None
    idle_s: float | None = None
    total_s: float | None = None


class TimeoutRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of `timeout_policy`: applies when every field of `match` does.

    `match` maps endpoint, stream, request_type, method, engine, provider, model, request_model,
    upstream_model or role to patterns: lower-case text, "prefix*" or "*".
    """

    match: Mapping[str, tuple[str, ...]]
    change: TimeoutChange


class TimeoutPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`timeout_policy`: a default, and rules of which the most specific match counts."""

    default: TimeoutChange = TimeoutChange()
    rules: tuple[TimeoutRule, ...] = ()


class RequestRule(msgspec.Struct, frozen=True, kw_only=True):
    """`exclude_request_rules`: the channel is skipped when every field matches."""

    match: Mapping[str, tuple[str, ...]]
    reason: str = ""


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """One `__remove__` entry, `path` being dotted in the file.

    With conditions, list items are removed one by one: any condition suffices, and a condition is
    a plain value or dotted path -> value.
    """

    path: tuple[str, ...]
    conditions: tuple[Any, ...] = ()
    drop_empty: bool = False


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """One layer of `post_body_parameter_overrides`: merge `values` deeply, then remove."""

    values: Mapping[str, Any] = {}
    removals: tuple[Removal, ...] = ()


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream key, ready to be shown. `label` is a fingerprint, safe for logs.

    `sign` is for keys that are never sent, but sign each request.
    """

    label: str
    secret: str
    headers: Headers = ()
    query: str = ""
    sign: Signer | None = None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where an operation is asked for, and in which dialect.

    `url` may hold `{model}`, or `{model_id}` for the model as one segment of the path;
    `stream_url` is used for streams where it differs (Gemini).
    """

    dialect: str
    url: str
    stream_url: str = ""


class Channel(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One configured upstream.

    `endpoints` maps an operation to the ways of asking for it, the caller's own dialect being
    preferred when it is among them; an operation that is missing there cannot be asked for.
    Operations beside chat name the chat dialect of the vendor's family ("openai_chat", "gemini"),
    but completions are "openai_completions".
    `models` is alias -> upstream model; `discovers`: none were listed, so the upstream is asked.
    """

    name: str
    provider: Provider
    engine: str  # uni-api's word, for rules that match on it
    endpoints: Mapping[Operation, tuple[Endpoint, ...]]
    credentials: tuple[Credential, ...]
    models: Mapping[str, str]
    discovers: bool = False
    credential_strategy: Strategy = Strategy.ROUND_ROBIN
    headers: Headers = ()
    passthrough_headers: tuple[str, ...] = ()
    proxy: str | None = None
    tools: bool = True
    images: bool = True
    cooldown_s: float = 300.0
    credential_cooldown_s: float = 0.0
    credential_quota_cooldown_s: float = 21_600.0
    credential_rate_limit_cooldown_s: float | None = None  # None: Retry-After, else 60 s
    retry_client_errors: bool = False  # GitHub Models: 400 and 413 may work elsewhere
    max_body_bytes: int | None = None
    exclude_endpoints: frozenset[str] = frozenset()
    only_request_types: frozenset[str] = frozenset()
    exclude_request_types: frozenset[str] = frozenset()
    exclude_rules: tuple[RequestRule, ...] = ()
    timeout_policy: TimeoutPolicy | None = None
    on_loss: LossPolicy = LossPolicy.REPORT
    answer_model: str = "requested"  # or "upstream": the model name that callers see
    search_defaults: Mapping[str, Any] = {}


class Offer(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One model of one channel, with all that depends on both."""

    channel: Channel
    alias: str
    model: str
    timeouts: Timeouts
    keepalive_s: float | None = None
    credential_limit: RateLimit | None = None
    quirks: tuple[Quirk, ...] = ()  # for the OpenAI wire; before the overrides
    overrides: tuple[Override, ...] = ()
    stream_override: bool | None = None  # `stream` in the overrides forces the upstream's mode


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """An offer as a key may use it. `weight` None: no weight was given."""

    offer: Offer
    weight: int | None = None


class RouteGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Another key used as a channel: its routes, arranged by its own strategy."""

    key_label: str
    strategy: Strategy
    routes: tuple[Route | RouteGroup, ...]
    weight: int | None = None


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller authenticates with, and what that allows.

    `routes` maps a requested model to its routes in the order of the key's rules; tables are
    shared between keys of equal rules. `max_attempts` None: each credential of each route once.
    `credits` None: unlimited. `created_at` seconds since the epoch.
    """

    key_id: str  # stable across reloads and safe for logs
    role: str
    is_admin: bool
    routes: Mapping[str, tuple[Route | RouteGroup, ...]]
    strategy: Strategy = Strategy.FIXED_PRIORITY
    max_attempts: int | None = None
    limits: LimitTable | None = None
    moderation: bool = False
    credits: NanoUsd | None = None
    created_at: float | None = None
    on_loss: LossPolicy | None = None


class PriceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Price of models whose name starts with `prefix`. Units: nano-dollars per million tokens."""

    prefix: str
    input_nano_usd: int
    output_nano_usd: int


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every request."""

    rate_limit: RateLimit | None = None
    error_triggers: tuple[str, ...] = ()
    timeout_policy: TimeoutPolicy | None = None
    prices: tuple[PriceEntry, ...] = ()
    default_price: PriceEntry = PriceEntry(
        prefix="", input_nano_usd=300_000_000, output_nano_usd=1_000_000_000
    )
    total_attempts_s: float = 600.0  # all attempts of one request together
    session_affinity: bool = True


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the configuration.

    `keys` is by the text that callers send; `loaded_at_s` seconds since the epoch.
    """

    version: int
    keys: Mapping[str, Key]
    channels: tuple[Channel, ...]
    settings: Settings = Settings()
    warnings: tuple[str, ...] = ()
    loaded_at_s: float = 0.0
