"""What routing must know of a request, read only as far as some channel's rules ask for it."""

from __future__ import annotations

from headgate.admission.estimate import prompt_tokens
from headgate.relay.call import Call
from headgate.routing.plan import Need
from headgate.snapshot.facts import Key, Offer, Route, RouteGroup


def need_of(call: Call, key: Key) -> Need:
    """Describe a request for the filters of its model's routes."""
    offers = _offers(key.routes.get(call.model, ()))
    counted = any(
        offer.credential_limit is not None and offer.credential_limit.tokens_per_request
        for offer in offers
    )
    ruled = any(
        offer.channel.exclude_rules
        or offer.channel.only_request_types
        or offer.channel.exclude_request_types
        for offer in offers
    )
    return Need(
        model=call.model,
        operation=call.operation,
        path=call.path,
        body_bytes=len(call.body),
        prompt_tokens=estimated_prompt(call) if counted else 0,
        request_type=_request_type(call) if ruled else "",
        reasoning_effort=_effort(call) if ruled else "",
    )


def estimated_prompt(call: Call) -> int:
    """Estimate the prompt's tokens from whichever field holds it."""
    for name in ("messages", "input", "prompt", "contents"):
        if name in call.fields:
            return prompt_tokens(call.value(name))
    return 0


def _offers(routes: tuple[Route | RouteGroup, ...]) -> list[Offer]:
    offers: list[Offer] = []
    for route in routes:
        offers += [route.offer] if isinstance(route, Route) else _offers(route.routes)
    return offers


def _request_type(call: Call) -> str:
    """uni-api knows one type, "compaction": by path, or by an input item."""
    if call.path.rstrip("/").endswith("/responses/compact"):
        return "compaction"
    items = call.value("input")
    if isinstance(items, list) and any(
        isinstance(item, dict) and item.get("type") == "compaction_trigger" for item in items
    ):
        return "compaction"
    return ""


def _effort(call: Call) -> str:
    effort = call.value("reasoning_effort")
    if effort is None:
        reasoning = call.value("reasoning")
        effort = reasoning.get("effort") if isinstance(reasoning, dict) else None
    return effort if isinstance(effort, str) else ""
