"""The rules of `api_keys[].model`: which models a key may ask for, and where they lead.

A rule is `all`, a model's name, `provider/*`, `provider/model`, `<name/with/slash>`, or another
key as a channel (`sk-other/*`, `sk-other/model`). The order of the rules is the order of the
routes. Source: `uni-api.md` 1.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from headgate.base.secrets import fingerprint
from headgate.snapshot.document import KeyEntry, KeyRule, Path
from headgate.snapshot.facts import Offer, Route, RouteGroup, Strategy
from headgate.snapshot.report import Report

Routes = tuple[Route | RouteGroup, ...]
Table = Mapping[str, Routes]

_ALL = "all"
_EVERY = (KeyRule(_ALL),)
_KEY_PREFIX = "sk-"
_MOST_KEYS_BEHIND = 16  # keys behind keys: deeper is a mistake, and planning recurses


class Named(NamedTuple):
    """A provider's offers by alias, under the name that rules call it by."""

    provider: str
    offers: Mapping[str, Offer]


class _Resolved(NamedTuple):
    """A key's table, and how many keys stand behind each other in it."""

    table: Table
    depth: int


class ModelNames:
    """Resolves the rules of every key. Keys of equal rules share one table."""

    def __init__(
        self,
        named: Sequence[Named],
        keys: Sequence[KeyEntry],
        strategies: Sequence[Strategy],
        report: Report,
    ) -> None:
        self._keys = keys
        self._strategies = strategies
        self._report = report
        self._positions = {key.api: place for place, key in reversed(list(enumerate(keys)))}
        self._providers: dict[str, list[Mapping[str, Offer]]] = {}
        self._index: dict[str, list[tuple[str, Offer]]] = {}
        for provider, offers in named:
            self._providers.setdefault(provider, []).append(offers)
            for alias, offer in offers.items():
                self._index.setdefault(alias, []).append((provider, offer))
        # While an upstream has not been asked for its models, a rule that finds none may be right.
        self._complete = all(offers for _, offers in named)
        self._resolved: dict[int, _Resolved] = {}
        self._in_progress: list[int] = []
        self._tables: dict[object, Table] = {}
        self._unweighted: dict[str, Table] = {}
        self._routes: dict[tuple[int, int | None], Route] = {}

    def table(self, place: int) -> Table:
        """Give the routes of the key at a place in the document, by model."""
        return self._resolve(place).table

    def _resolve(self, place: int) -> _Resolved:
        if place not in self._resolved:
            self._in_progress.append(place)
            self._resolved[place] = self._build(place)
            self._in_progress.pop()
        return self._resolved[place]

    def _build(self, place: int) -> _Resolved:
        key = self._keys[place]
        rules = key.model or _EVERY
        weights = _weights(key)
        behind = [self._behind(rule, place, at) for at, rule in enumerate(rules)]
        alone = not any(other is not None for other in behind)
        signature = (rules, tuple(weights.items()))
        if alone and signature in self._tables:
            return _Resolved(self._tables[signature], 0)
        table: dict[str, Routes] = {}
        for at, (rule, other) in enumerate(zip(rules, behind, strict=True)):
            matched = self._matched(rule, other, weights)
            for model, routes in matched.items():
                table[model] = table[model] + routes if model in table else routes
            if not matched and other is None and self._complete:
                self._explain(rule, (*_path(place), at))
        if alone:
            self._tables[signature] = table
        depths = [self._resolved[other].depth for other in behind if other in self._resolved]
        return _Resolved(table, 1 + max(depths) if depths else 0)

    def _behind(self, rule: KeyRule, place: int, at: int) -> int | None:
        """Resolve the key that a rule uses as a channel; give its place, if the rule does."""
        if not rule.rule.startswith(_KEY_PREFIX):
            return None
        head, slash, _ = rule.rule.partition("/")
        other = self._positions.get(head) if slash else None
        if other is None:
            return None
        path = (*_path(place), at)
        if other in self._in_progress:
            self._report.warn(path, "the keys refer to each other in a circle: this rule is empty")
        elif (
            len(self._in_progress) > _MOST_KEYS_BEHIND
            or self._resolve(other).depth >= _MOST_KEYS_BEHIND
        ):
            self._report.error(path, f"more than {_MOST_KEYS_BEHIND} keys behind each other")
        return other

    def _matched(self, rule: KeyRule, other: int | None, weights: Mapping[str, int]) -> Table:
        """Find everything that a rule allows, in order. Without weights it is the same for all."""
        if other is not None:
            return self._through(rule, other, weights)
        if weights or rule.weight:
            return self._direct(rule, weights)
        if rule.rule not in self._unweighted:
            self._unweighted[rule.rule] = self._direct(rule, weights)
        return self._unweighted[rule.rule]

    def _direct(self, rule: KeyRule, weights: Mapping[str, int]) -> Table:
        text = rule.rule
        head, slash, tail = text.partition("/")
        found: dict[str, Routes] = {}
        if text == _ALL or not slash or (text.startswith("<") and text.endswith(">")):
            alias = text[1:-1] if slash else text
            for model in self._index if text == _ALL else [alias]:
                for provider, offer in self._index.get(model, ()):
                    weight = _weight(provider, model, weights, rule.weight)
                    found[model] = (*found.get(model, ()), self._route(offer, weight))
            return found
        for offers in self._providers.get(head, ()):
            for alias in offers if tail == "*" else [tail]:
                if alias in offers:
                    route = self._route(offers[alias], _weight(head, alias, weights, None))
                    found[alias] = (*found.get(alias, ()), route)
        return found

    def _through(self, rule: KeyRule, other: int, weights: Mapping[str, int]) -> Table:
        """Give what another key allows, arranged by its own strategy."""
        if other not in self._resolved:
            return {}  # a circle: noted already
        head, _, tail = rule.rule.partition("/")
        table = self._resolved[other].table
        return {
            model: (
                RouteGroup(
                    key_label=fingerprint(head),
                    strategy=self._strategies[other],
                    routes=table[model],
                    weight=_weight(head, model, weights, None),
                ),
            )
            for model in (table if tail == "*" else [tail])
            if model in table
        }

    def _route(self, offer: Offer, weight: int | None) -> Route:
        """Give one route object per offer and weight: plans compare offers by identity."""
        name = (id(offer), weight)
        if name not in self._routes:
            self._routes[name] = Route(offer=offer, weight=weight)
        return self._routes[name]

    def _explain(self, rule: KeyRule, path: Path) -> None:
        """Say why a rule allows nothing."""
        head, slash, tail = rule.rule.partition("/")
        if not slash or rule.rule.startswith("<"):
            message = "no provider offers this model"
        elif head.startswith(_KEY_PREFIX):
            message = "no such key"
        elif head not in self._providers:
            message = f'no provider is called "{head}"'
            if rule.rule in self._index:
                message += f": write <{rule.rule}> for the model of that name"
        else:
            message = f'provider "{head}" does not offer "{tail}"'
        self._report.warn(path, message)


def _path(place: int) -> Path:
    return ("api_keys", place, "model")


def _weights(key: KeyEntry) -> dict[str, int]:
    """Collect weights by rule. A weight in `model` counts before one in `weights`."""
    written = {rule.rule: rule.weight for rule in key.model if rule.weight and "/" in rule.rule}
    return {rule: weight for rule, weight in {**key.weights, **written}.items() if weight}


def _weight(owner: str, model: str, weights: Mapping[str, int], own: int | None) -> int | None:
    """Find the weight of a provider's (or key's) model; the rule's own counts last."""
    if not weights:
        return own
    return weights.get(f"{owner}/{model}", weights.get(f"{owner}/*", own))
