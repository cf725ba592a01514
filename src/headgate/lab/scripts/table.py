"""All behaviours, one row each. A model name or the first path segment picks one.

`lab-503`, `503` and `e503` are the same; a row with a unit takes a number: `slow2`, `drip-500`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from headgate.lab.plan import Plan
from headgate.lab.scripts import agents, answers, broken, loops, refusals, timing
from headgate.lab.wires.question import Question

Script = Callable[[Question, float], Plan]

NUMBERED = re.compile(r"(?P<name>.+?)-?(?P<number>\d+(?:\.\d+)?)")
STATUS_NAME = re.compile(r"e(?P<rest>\d{3}(?:-.*)?)")
PREFIX = "lab-"


class Behaviour(Struct, frozen=True):
    """One row. `number` is what the script gets unless the name carries another `unit`."""

    name: str
    about: str
    script: Script
    number: float = 0
    unit: str = ""


ROWS = (
    Behaviour("hello", "answers '<place>: Hello from the lab.' (the default)", answers.hello),
    Behaviour("echo", "repeats the last user text", answers.echo),
    Behaviour("empty", "answers with an empty text", answers.empty),
    Behaviour("trig", "answers with the word TRIGGERWORD", answers.trigger),
    Behaviour("long", "answers with 200 words", answers.long, 200, "words"),
    Behaviour("think", "thinks first, then answers", answers.think),
    Behaviour("image-in-echo", "reports texts, tools and media it received", answers.received),
    Behaviour("tool", "calls the first tool offered, then tells its result", answers.tool),
    Behaviour("tools-parallel", "calls two tools at once", answers.tools_parallel),
    Behaviour("signed", "thinks, calls a tool, wants its signatures back", loops.signed),
    Behaviour("loop", "calls the first tool 20 times, tells all results", loops.loop, 20, "turns"),
    Behaviour("signed-loop", "the same, with signatures", loops.signed_loop, 20, "turns"),
    Behaviour("flaky-loop", "the loop, 503 at every 3rd turn", loops.flaky_loop, 20, "turns"),
    Behaviour("flaky-signed-loop", "both at once", loops.flaky_signed_loop, 20, "turns"),
    Behaviour("parallel-loop", "two calls in each turn", loops.parallel_loop, 20, "calls"),
    Behaviour(
        "parallel-signed-loop", "the same, with signatures", loops.parallel_signed_loop, 20, "calls"
    ),
    Behaviour(
        "flaky-parallel-signed-loop",
        "the same, 503 at times",
        loops.flaky_parallel_signed_loop,
        20,
        "calls",
    ),
    Behaviour("agent", "has a coding agent's own shell say 'headgate 42'", agents.errand),
    Behaviour("400", "invalid request", refusals.status, 400),
    Behaviour("400-key", "400 'API key not valid', as Gemini answers", refusals.bad_key),
    Behaviour("400-long", "400, the prompt exceeds the context", refusals.too_long),
    Behaviour("400-unpriced", "400 'model_not_priced' of a gateway", refusals.unpriced),
    Behaviour("401", "bad key", refusals.status, 401),
    Behaviour("403", "key without permission", refusals.status, 403),
    Behaviour("404", "no such model", refusals.status, 404),
    Behaviour("413", "request too large", refusals.status, 413),
    Behaviour("422", "request not processable", refusals.status, 422),
    Behaviour("429", "rate limit, Retry-After 20 seconds", refusals.too_many, 20, "s"),
    Behaviour("429-date", "rate limit, Retry-After as a date in 2049", refusals.too_many_date),
    Behaviour("429-ms", "rate limit, retry-after-ms 1500", refusals.too_many_ms, 1500, "ms"),
    Behaviour("429-bare", "rate limit without a hint", refusals.too_many_bare),
    Behaviour("429-negative", "rate limit, Retry-After -5", refusals.too_many_negative),
    Behaviour("429-huge", "rate limit, Retry-After 10^9", refusals.too_many_huge),
    Behaviour("500", "internal error", refusals.status, 500),
    Behaviour("502", "bad gateway, an HTML page", refusals.html_502),
    Behaviour("503", "unavailable", refusals.status, 503),
    Behaviour("529", "overloaded", refusals.status, 529),
    Behaviour("cool", "401 for keys that begin with 'bad'", refusals.cool),
    Behaviour("quota", "403 insufficient_quota for the key q1", refusals.quota),
    Behaviour("throttled", "429, '... try again in 2500ms' in the text", refusals.throttled),
    Behaviour("redirect", "302 to another host", refusals.redirect, 302, "status"),
    Behaviour("html", "an HTML page with status 200", refusals.html_200),
    Behaviour("200-error", "an error with status 200, or as first event", refusals.error_200),
    Behaviour("200-error-json", "the same as JSON, always", refusals.error_200_json),
    Behaviour("200-error-late", "an error event in mid-stream", refusals.error_200_late),
    Behaviour("slow", "answers after 2 seconds", timing.slow, 2, "s"),
    Behaviour("hang", "never answers", timing.hang),
    Behaviour("hang-after-headers", "sends the head only", timing.hang_after_headers),
    Behaviour("stall", "falls silent after 2 pieces", timing.stall, 2, "pieces"),
    Behaviour("drip", "pauses 100 ms between pieces", timing.drip, 100, "ms"),
    Behaviour("drip-bytes", "one byte per 1000 ms", timing.drip_bytes, 1000, "ms"),
    Behaviour("cut", "RST in the middle, or after N bytes", broken.cut, 0, "bytes"),
    Behaviour("cut-fin", "FIN in the middle, or after N bytes", broken.cut_fin, 0, "bytes"),
    Behaviour("goodbye", "closes a WebSocket in the middle", broken.goodbye, 1011, "code"),
    Behaviour("ping", "pings before every message of a WebSocket", broken.pings),
    Behaviour("done-first", "a stream that ends at once", broken.done_first),
    Behaviour("json-for-stream", "a whole answer to a stream request", broken.json_for_stream),
    Behaviour("stream-for-json", "a stream though none was asked for", broken.stream_for_json),
    Behaviour("bad-sse", "broken JSON in an event in mid-stream", broken.sse_bad_json),
    Behaviour("sse-crlf", "CRLF and LF line ends mixed", broken.sse_crlf),
    Behaviour("sse-comments", "comments, blank lines, unknown fields", broken.sse_comments),
    Behaviour("sse-no-space", "no space after 'data:'", broken.sse_no_space),
    Behaviour("sse-no-end", "no blank line behind the last event", broken.sse_no_end),
    Behaviour("sse-split", "UTF-8 cut into writes of three bytes", broken.sse_split),
    Behaviour("no-usage", "reports no usage", broken.no_usage),
    Behaviour("lying-usage", "every count is -9", broken.lie_negative),
    Behaviour("lying-usage-float", "every count is 12.5", broken.lie_float),
    Behaviour("lying-usage-huge", "every count is 10^30", broken.lie_huge),
    Behaviour("lying-usage-text", "every count is a string", broken.lie_text),
    Behaviour("lying-usage-zero", "every count is zero", broken.lie_zero),
    Behaviour("flood", "content events without end", broken.flood),
    Behaviour("big", "one piece of 1 MiB (64 at most)", broken.big, 1, "MiB"),
    Behaviour("gzip", "gzip, asked or not", broken.zipped),
    Behaviour("gzip-not", "says gzip, sends plain text", broken.zipped_not),
    Behaviour("gzip-bomb", "64 KiB that unpack to 64 MiB", broken.zipped_bomb),
    Behaviour("odd-headers", "headers that may not pass a gateway", broken.odd_headers),
    Behaviour(
        "close-after", "closes unannounced behind answer 1", broken.close_after, 1, "answers"
    ),
    Behaviour(
        "drop-after", "takes the request after answer 1, closes", broken.drop_after, 1, "answers"
    ),
)
BY_NAME = {row.name: row for row in ROWS}
MODELS = tuple(PREFIX + row.name for row in ROWS)

# What is asked for by path alone: `lab.fast` and `lab.recordings`.
PATH_ROWS = (
    ("/fast/...", "1 KB from memory, or 100 stream chunks in 4 writes"),
    ("/each/...", "the same, with a write for each chunk"),
    ("/paced/...", "the same, 2 ms between the chunks"),
    ("/rec/<id>/...", "replays a recording; so does the model rec:<id>"),
    ("/rec/<id>/chunks-<N>/...", "the same in pieces of N bytes, or chunks-recorded"),
)


def find(name: str) -> tuple[Behaviour, float] | None:
    """Look a behaviour up by a model name or path segment, with its number."""
    name = name.removeprefix(PREFIX)
    if (spelled := STATUS_NAME.fullmatch(name)) is not None:
        name = spelled["rest"]
    if name in BY_NAME:
        return BY_NAME[name], BY_NAME[name].number
    numbered = NUMBERED.fullmatch(name)
    row = BY_NAME.get(numbered["name"]) if numbered else None
    if numbered is None or row is None or not row.unit:
        return None
    return row, float(numbered["number"])


def listing() -> str:
    """The table for people: one line per behaviour."""
    lines = [
        (f"{PREFIX}{row.name}{f'[-<{row.unit}>]' if row.unit else ''}", row.about) for row in ROWS
    ]
    width = max(len(name) for name, _ in lines) + 2
    return "".join(f"{name:<{width}}{about}\n" for name, about in (*lines, *PATH_ROWS))
