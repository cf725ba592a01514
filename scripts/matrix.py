"""The compatibility matrix: what becomes of each feature, from each front door to each wire.

The features are requests and replies as files in tests/golden/matrix/. What becomes of them is
written beside them by tests/golden/test_matrix.py, and as tables by scripts/reference.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from headgate.base.failure import RelayError
from headgate.dialects.bridge import DIALECTS, WIRES, translated
from headgate.dialects.dialect import Dialect, ReplyContext, Target, Wire
from headgate.ir.collect import replay
from headgate.ir.loss import Loss

FOLDER = Path(__file__).parent.parent / "tests" / "golden" / "matrix"
# A current model of each kind. Others can do less; their rows are in the dialects' `models.py`.
MODELS: Mapping[str, str] = {
    "openai_chat": "gpt-5.1",
    "openai_responses": "gpt-5.1",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "bedrock_converse": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cohere": "command-a-reasoning",
    "ollama": "qwen3",
}
_ONLY_TEXT = "openai_completions"  # no chat can be asked of it
DOORS = tuple(
    name for name in ("openai_chat", "openai_responses", "anthropic", "gemini") if name in DIALECTS
)
CHAT_WIRES = tuple(name for name in WIRES if name != _ONLY_TEXT)
# Edits are told no more than completions: texts.
CALLERS = tuple(name for name in DIALECTS if name != "openai_edits")

Json = dict[str, Any]


class Feature(msgspec.Struct, frozen=True):
    """One feature: by front door (or, of replies, by wire) a body that has it."""

    path: Path
    about: str
    bodies: Mapping[str, Json]


class Outcome(msgspec.Struct, frozen=True):
    """What a translation gave: a body or a refusal, and what was lost."""

    body: bytes
    losses: tuple[Loss, ...] = ()
    refusal: str = ""


def features(kind: str) -> list[Feature]:
    """Read the features; `kind` is "requests" or "replies"."""
    found = []
    for path in sorted((FOLDER / kind).glob("*.json")):
        fields = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        found.append(Feature(path, fields.pop("about"), fields))
    return found


def carried(door: Dialect, wire: Wire, body: Json) -> Outcome:
    """Translate a request."""
    request = door.decode_request(msgspec.json.encode(body))
    model = MODELS.get(wire.name, "m")
    try:
        written, losses = translated(
            wire, request, Target(model=model, alias=model, stream=request.stream)
        )
    except RelayError as error:
        return Outcome(b"", refusal=error.failure.message)
    return Outcome(msgspec.json.encode(written), tuple(losses))


def answered(wire: Wire, caller: Dialect, body: Json, stream: bool) -> Outcome:
    """Translate a reply, whole or as a stream."""
    context = ReplyContext(model="m", reply_id="r1", created=1, include_usage=True)
    try:
        reply = wire.decode_reply(msgspec.json.encode(body))
        if stream:
            encoder = caller.stream_encoder(context)
            written = b"".join(encoder.feed(event) for event in replay(reply))
        else:
            written = caller.encode_reply(reply, context)
    except RelayError as error:
        return Outcome(b"", tuple(context.losses), error.failure.message)
    return Outcome(written, tuple(context.losses))


def request_rows(door: str) -> Iterator[tuple[str, ...]]:
    """Say what becomes of each feature of a front door at each other wire."""
    for feature in features("requests"):
        body = feature.bodies.get(door)
        if body is not None:
            outcomes = [
                cell(carried(DIALECTS[door], WIRES[wire], body))
                for wire in CHAT_WIRES
                if wire != door
            ]
            yield feature.about, *outcomes


def reply_rows(caller: str) -> Iterator[tuple[str, ...]]:
    """Say what a caller is told of each feature of a reply, by the wire that it comes from."""
    for feature in features("replies"):
        outcomes = [
            cell(answered(WIRES[wire], DIALECTS[caller], feature.bodies[wire], stream=False))
            if wire in feature.bodies
            else ""
            for wire in CHAT_WIRES
            if wire != caller
        ]
        if any(outcomes):
            yield feature.about, *outcomes


def request_text(feature: Feature) -> str:
    """Write what becomes of a request at every wire."""
    blocks = [feature.about]
    for door in DOORS:
        if door not in feature.bodies:
            blocks.append(f"# from {door}: no word for it")
            continue
        lines = [f"# from {door}"]
        for wire in CHAT_WIRES:
            if wire == door:
                lines.append(f"{wire}: passed through")
                continue
            lines += _lines(wire, carried(DIALECTS[door], WIRES[wire], feature.bodies[door]))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def reply_text(feature: Feature) -> str:
    """Write what each caller gets of a reply. The feature "streamed" is given as streams."""
    stream = "streamed" in feature.path.stem
    blocks = [feature.about]
    for wire, body in feature.bodies.items():
        if wire not in WIRES:
            continue
        lines = [f"# from {wire}"]
        for caller in map(DIALECTS.__getitem__, CALLERS):
            if caller.name != wire:
                lines += _lines(caller.name, answered(WIRES[wire], caller, body, stream))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


# What Gemini gets where the caller said nothing of it: the same in every file, so said once here.
_NOTHING_BLOCKED = re.compile(
    r'"safetySettings":\[(?:{"category":"\w+","threshold":"(?:OFF|BLOCK_NONE)"},?)+\],?'
)


def _lines(name: str, outcome: Outcome) -> Iterator[str]:
    text = _NOTHING_BLOCKED.sub("", outcome.body.decode())
    if outcome.refusal:
        text = f"refused: {outcome.refusal}"
    elif "\n" in text:
        text = "\n  " + "\n  ".join(line for line in text.splitlines() if line)
    yield f"{name}: {text}"
    for loss in outcome.losses:
        note = f" ({loss.note})" if loss.note else ""
        yield f"  {loss.action}: {loss.field}{note}"


def cell(outcome: Outcome) -> str:
    """Say in a few words what becomes of a feature."""
    if outcome.refusal:
        return "refused"
    said = []
    for action in ("changed", "dropped"):
        if names := [f"`{loss.field}`" for loss in outcome.losses if loss.action == action]:
            said.append(f"{action} {', '.join(names)}")
    return "; ".join(said) or "carried"
