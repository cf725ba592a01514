"""Moderations: one wire form everywhere, so there is only a verdict to read.

Source: platform.openai.com/docs/api-reference/moderations/object.
"""

from __future__ import annotations

import msgspec

from headgate.base.failure import RelayError, bad_reply


class _Result(msgspec.Struct):
    flagged: bool
    categories: dict[str, bool | None] = {}


class _Verdict(msgspec.Struct):
    results: list[_Result]


_verdict = msgspec.json.Decoder(_Verdict)


def flagged(body: bytes) -> list[str]:
    """List the categories in which anything was flagged; empty if nothing was.

    Shape:  {"results": [{"flagged": bool, "categories": {name: bool}}]}, one result per input.
    Errors: RelayError UPSTREAM_BAD_REPLY when there is no verdict: silence is not consent.
    """
    try:
        results = _verdict.decode(body).results
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        results = []
    if not results:
        failure = bad_reply("the moderation gave no verdict")
        raise RelayError(failure)
    found: dict[str, None] = {}
    for result in results:
        if result.flagged:
            named = [name for name, is_hit in result.categories.items() if is_hit]
            found |= dict.fromkeys(named or ["flagged"])
    return list(found)
