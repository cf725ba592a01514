"""What an operator may write: the options of api.yaml, strict and documented.

A source (a file, later a database) makes a `Document`; `compile.py` makes the facts of it. Every
option is one field: its description is its reference documentation, its name is how it is
written. The grammar is uni-api's of every era (`uni-api.md` 1), so some options have more than one
spelling; upper and lower case never matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import msgspec

# Where something stands in the document: ("providers", 2, "preferences", "model_timeout").
Path = tuple[str | int, ...]


def key_path(path: Path) -> str:
    """Write a path as a person reads it: `providers[2].preferences.model_timeout`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return "".join(parts).removeprefix(".")


class Problem(msgspec.Struct, frozen=True):
    """Something about the document that the operator should know."""

    path: Path
    message: str


class ConfigError(msgspec.Struct, frozen=True):
    """Why a configuration cannot be used, in words that say what to do.

    `place` is "api.yaml:12:5"; `key` is "providers[2].preferences.model_timeout", or "" where the
    whole document is meant.
    """

    place: str
    key: str
    message: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.place, self.key, self.message)))


Kind = Literal["table", "moment", "size", "anything"]


def option(
    description: str, *, kind: Kind | None = None, name: str = "", unused: bool = False
) -> msgspec.Meta:
    """Describe an option.

    `kind` says how it is read where its type alone does not: "table" takes one value for all
    models instead of a map; "moment" a date and time; "size" a number of bytes; "anything" is not
    looked into. `name` is the usual spelling where it is not the field's name.
    An `unused` option is understood, but does nothing yet.
    """
    extra = {"kind": kind, "name": name, "unused": unused}
    return msgspec.Meta(description=description, extra=extra)


Endpoints = Annotated[
    tuple[str, ...],
    option("Request paths (one or a list) this provider is never used for: /v1/embeddings."),
]
RequestTypes = Annotated[
    tuple[str, ...],
    option('Request types (one or a list). "compaction" is the only one there is.'),
]
BodySize = Annotated[
    int | None,
    option(
        'The largest request body this provider is used for: bytes, "20MB" or "25MiB".', kind="size"
    ),
]
Timeouts = Annotated[
    Mapping[str, float],
    option(
        "Seconds to wait for the first byte, and between two: one number, or a map from model "
        "names (or parts of them) to numbers with `default` for the others.",
        kind="table",
    ),
]
Keepalives = Annotated[
    Mapping[str, float],
    option(
        'Seconds of silence after which a stream\'s caller gets a ": keepalive" comment: one '
        "number, or a map as in model_timeout. Ignored if longer than the timeout. After the "
        "first comment the status is 200, so a failure can only be an error event.",
        kind="table",
    ),
]
Loss = Annotated[
    str,
    option("When a field cannot be translated: report it in x-headgate-loss, ignore, or refuse."),
]
AnswerModel = Annotated[
    str,
    option('The model name that callers see in answers: "requested" (default) or "upstream".'),
]


class ModelName(msgspec.Struct, frozen=True):
    """One entry of `providers[].model`: a name, or `{upstream: alias}`."""

    upstream: str
    alias: str


class TimeoutBounds(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of `timeout_policy`, in seconds. A number alone means `first_byte`."""

    connect: Annotated[float | None, option("Seconds to connect.")] = None
    write: Annotated[float | None, option("Seconds for the upstream to take the request.")] = None
    pool: Annotated[
        float | None, option("Seconds to wait for a free connection; not needed here.", unused=True)
    ] = None
    first_byte: Annotated[
        float | None, option("Seconds to the first byte; without it `total`, else `idle`, counts.")
    ] = None
    idle: Annotated[float | None, option("Seconds of silence within the answer.")] = None
    total: Annotated[float | None, option("Seconds for one attempt as a whole.")] = None


class TimeoutRuleEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of `timeout_policy`."""

    match: Annotated[
        Mapping[str, Any],
        option(
            "What the request must be like. Fields: endpoint, stream, request_type, method, "
            "engine, provider, model, request_model, upstream_model, role. Values: text, a list "
            'of texts, "prefix*" or "*", without case.'
        ),
    ] = {}
    timeout: Annotated[TimeoutBounds, option("The bounds, or a number for first_byte.")] = (
        TimeoutBounds()
    )


class TimeoutPolicyEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`timeout_policy`: bounds for all requests, and for those that match a rule."""

    default: Annotated[TimeoutBounds, option("Bounds that hold unless a rule says otherwise.")] = (
        TimeoutBounds()
    )
    rules: Annotated[
        tuple[TimeoutRuleEntry, ...],
        option("Of the rules that match, the one with the most fields counts."),
    ] = ()


class RequestRuleEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `exclude_request_rules`."""

    match: Annotated[
        Mapping[str, Any],
        option(
            "The provider is skipped when every field matches. Fields: endpoint, request_model, "
            "upstream_model, reasoning_effort, request_type."
        ),
    ] = {}
    reason: Annotated[str, option("Why, for people.")] = ""


RequestRules = Annotated[
    tuple[RequestRuleEntry, ...], option("Requests this provider is not used for (one or a list).")
]


class ProviderPreferences(msgspec.Struct, frozen=True, kw_only=True):
    """`providers[].preferences`."""

    model_timeout: Timeouts = {}
    timeout_policy: Annotated[
        TimeoutPolicyEntry | None, option("Timeouts by kind of request; beats model_timeout.")
    ] = None
    keepalive_interval: Keepalives = {}
    cooldown_period: Annotated[
        float | None, option("Seconds a failed model of this provider rests; 0 means never.")
    ] = None
    proxy: Annotated[
        str | None,
        option('Proxy (http, https, socks5, socks5h); "" or "direct" means none, not the global.'),
    ] = None
    headers: Annotated[Mapping[str, str], option("Headers sent upstream.")] = {}
    passthrough_request_headers: Annotated[
        tuple[str, ...], option("Callers' headers that are sent upstream, instead of `headers`.")
    ] = ()
    post_body_parameter_overrides: Annotated[
        Mapping[str, Any],
        option(
            "What is laid over the upstream body: maps are merged, other values replaced. "
            "`__remove__` names fields to take out. A block named like one of the provider's "
            "models holds for that model alone. `stream` forces the upstream's mode."
        ),
    ] = {}
    api_key_rate_limit: Annotated[
        Mapping[str, str],
        option(
            'Limit of each upstream key and model: "15/min,500/day", or a map from model names '
            "(or parts of them) to limits with `default`. Units s, m, h, d, mo, y, tpr.",
            kind="table",
        ),
    ] = {}
    api_key_schedule_algorithm: Annotated[
        str,
        option(
            "In which order the upstream keys are used: round_robin (default), random, "
            "fixed_priority, smart_round_robin."
        ),
    ] = "round_robin"
    api_key_cooldown_period: Annotated[
        float, option("Seconds an upstream key rests after a failure; 0 means not at all.")
    ] = 0.0
    api_key_quota_cooldown_period: Annotated[
        float, option("Seconds an upstream key rests when its quota is used up; 0 means 6 hours.")
    ] = 0.0
    api_key_rate_limit_cooldown_period: Annotated[
        float,
        option("Seconds an upstream key rests when rate-limited; 0: as the upstream says, or 60."),
    ] = 0.0
    max_request_body_bytes: BodySize = None
    exclude_endpoints: Endpoints = ()
    only_request_types: RequestTypes = ()
    exclude_request_types: RequestTypes = ()
    exclude_request_rules: RequestRules = ()
    on_loss: Loss = ""
    answer_model: AnswerModel = ""
    dialects: Annotated[
        tuple[str, ...],
        option(
            "The chat dialects that this upstream speaks, best first, where its row does not know "
            "or should not be believed: openai_chat, openai_responses, anthropic, gemini, ..."
        ),
    ] = ()
    responses_stream_commit_policy: Annotated[
        str, option("When a Responses stream is handed to the caller.", unused=True)
    ] = ""
    normalize_responses_custom_tool_call_ids: Annotated[
        Any, option("Rewrites custom tool-call ids.", kind="anything", unused=True)
    ] = None
    oaix_routing_attempt_id: Annotated[
        bool, option("Sends X-OAIX-Routing-Attempt-ID.", unused=True)
    ] = False
    search_defaults: Annotated[
        Mapping[str, Any], option("What web searches ask for where the caller does not say.")
    ] = {}
    access_key: Annotated[str, option("Key of a video service.", unused=True)] = ""
    secret_key: Annotated[str, option("Secret of a video service.", unused=True)] = ""


class ProviderEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`providers[]`: one upstream."""

    provider: Annotated[str, option('The name: in rules before the first "/", and in logs.')] = ""
    base_url: Annotated[
        str, option("The complete endpoint (https://host/v1/chat/completions) or its root.")
    ] = ""
    api: Annotated[tuple[str, ...], option("The upstream's key, or a list of keys.")] = ()
    model: Annotated[
        tuple[ModelName, ...] | None,
        option(
            "Models: names, or {upstream: alias} to offer one under another name. Left out: the "
            "upstream is asked for its list."
        ),
    ] = None
    tools: Annotated[bool, option("false drops tools from requests.")] = True
    image: Annotated[bool, option("false drops images from requests.")] = True
    engine: Annotated[str, option("How the upstream is spoken to, if not by its URL.")] = ""
    project_id: Annotated[tuple[str, ...], option("Google Cloud project (Vertex AI).")] = ()
    private_key: Annotated[str, option("Private key of a service account (Vertex AI).")] = ""
    client_email: Annotated[str, option("E-mail of a service account (Vertex AI).")] = ""
    region: Annotated[
        tuple[str, ...], option("Region (Vertex AI, Amazon Bedrock), or a list.")
    ] = ()
    cf_account_id: Annotated[str, option("Account (Cloudflare Workers AI).")] = ""
    aws_access_key: Annotated[str, option("Access key (Amazon Bedrock).")] = ""
    aws_secret_key: Annotated[str, option("Secret key (Amazon Bedrock).")] = ""
    aws_session_token: Annotated[str, option("Session token (Amazon Bedrock).")] = ""
    exclude_endpoints: Endpoints = ()
    only_request_types: RequestTypes = ()
    exclude_request_types: RequestTypes = ()
    exclude_request_rules: RequestRules = ()
    max_request_body_bytes: BodySize = None
    preferences: Annotated[ProviderPreferences, option("How this upstream is used.")] = (
        ProviderPreferences()
    )
    notes: Annotated[Any, option("For people; not looked at.", kind="anything")] = None


class KeyRule(msgspec.Struct, frozen=True):
    """One entry of `api_keys[].model`: `rule`, or `{rule: weight}`.

    `all`; a model's name; `provider/*`; `provider/model`; `<name/with/slash>`; `sk-other-key/*`;
    `sk-other-key/model`.
    """

    rule: str
    weight: int | None = None


class KeyPreferences(msgspec.Struct, frozen=True, kw_only=True):
    """`api_keys[].preferences`."""

    scheduling_algorithm: Annotated[
        str,
        option(
            "In which order providers are tried: fixed_priority (default), round_robin, "
            "weighted_round_robin, lottery, random, smart_round_robin.",
            name="SCHEDULING_ALGORITHM",
        ),
    ] = "fixed_priority"
    auto_retry: Annotated[
        bool | int,
        option(
            "Whether other providers are tried after a failure; a number is how many more "
            "attempts are made.",
            name="AUTO_RETRY",
        ),
    ] = True
    rate_limit: Annotated[
        Mapping[str, str],
        option(
            'Limit of this key per model: "60/min,1000/day", or a map from model names (or parts '
            "of them) to limits with `default`.",
            kind="table",
        ),
    ] = {}
    enable_moderation: Annotated[
        bool | None,
        option("Whether texts are checked by a moderation model first.", name="ENABLE_MODERATION"),
    ] = None
    credits: Annotated[
        str,
        option("Dollars this key may spend; 0 blocks it, -1 means no limit."),
    ] = "-1"
    created_at: Annotated[
        float | None,
        option("Date and time from which spending is counted.", kind="moment"),
    ] = None
    on_loss: Loss = ""


class KeyEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`api_keys[]`: one caller."""

    api: Annotated[str, option("The key that the caller sends.")] = ""
    model: Annotated[
        tuple[KeyRule, ...],
        option("What the key may use, in the order in which it is tried. Left out: everything."),
    ] = ()
    role: Annotated[str, option('A label; one with "admin" in it makes an administrator.')] = ""
    weights: Annotated[
        Mapping[str, int], option("Weights by rule, instead of weights in `model`.")
    ] = {}
    preferences: Annotated[KeyPreferences, option("How the key is served.")] = KeyPreferences()
    notes: Annotated[Any, option("For people; not looked at.", kind="anything")] = None


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """`preferences`: what holds for all providers and keys."""

    model_timeout: Timeouts = {}
    timeout_policy: Annotated[
        TimeoutPolicyEntry | None, option("Timeouts by kind of request; beats model_timeout.")
    ] = None
    keepalive_interval: Keepalives = {}
    cooldown_period: Annotated[
        float, option("Seconds a failed model of a provider rests; 0 means never.")
    ] = 300.0
    rate_limit: Annotated[
        Mapping[str, str], option("Limit of all requests together.", kind="table")
    ] = {}
    error_triggers: Annotated[
        tuple[str, ...], option("Texts that make an answer a failure, so that another is tried.")
    ] = ()
    proxy: Annotated[str, option("Proxy for all providers that have none of their own.")] = ""
    model_price: Annotated[
        Mapping[str, str],
        option(
            'Prices in dollars per million tokens, "input,output", by the beginning of the '
            "model's name, with `default`."
        ),
    ] = {}
    request_timeout: Annotated[
        float, option("Seconds for all attempts of one request together.")
    ] = 600.0
    session_affinity: Annotated[
        bool,
        option(
            "Whether a conversation goes on at the provider and upstream key that answered it "
            "last, where prompts are cached. It is known by a header of its client "
            "(`x-claude-code-session-id`, `session-id`, `x-session-id`, `x-session-affinity`), "
            "`prompt_cache_key`, or the session in `metadata.user_id`. The order of "
            "fixed_priority stays as it is."
        ),
    ] = True
    on_loss: Loss = ""
    answer_model: AnswerModel = ""
    hedging: Annotated[
        Any, option("Parallel attempts for Responses streams.", kind="anything", unused=True)
    ] = None


def _nowhere(path: Path) -> str:
    return ""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A whole api.yaml.

    `errors` and `warnings` are what reading it found; `locate` tells the place of a path
    ("api.yaml:12:5").
    """

    providers: Annotated[tuple[ProviderEntry, ...], option("The upstreams.")] = ()
    api_keys: Annotated[tuple[KeyEntry, ...], option("The callers.")] = ()
    preferences: Annotated[Preferences, option("What holds for all.")] = Preferences()
    video_providers: Annotated[
        Any, option("Adapters of video services.", kind="anything", unused=True)
    ] = None
    enable_moderation: Annotated[
        bool, option("ENABLE_MODERATION of keys that do not say.", name="ENABLE_MODERATION")
    ] = False
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    locate: Callable[[Path], str] = _nowhere
