"""Reasoning items and the proofs on them: whose they are, and how others' travel through callers.

- A reasoning item of an upstream is one `Thinking`. What its vendor wants back beside the text (id,
  encrypted content, where the text was) is the signature's value, as JSON.
- A Responses caller has one field for a proof, `encrypted_content` of a reasoning item. Whatever we
  write there is sealed in an envelope of our own, so that it is known again when it comes back.
"""

from __future__ import annotations

import msgspec

from headgate.dialects.fields import legible
from headgate.dialects.lenient_json import canonical, objects_of, parsed_object, text_of
from headgate.dialects.openai_responses.models import NAME
from headgate.dialects.seals import ENVELOPE, Seal, opened
from headgate.ir.request import Json, Signature, Thinking

PARAGRAPH = "\n\n"  # between the parts of a summary


# ------------------------------------------------------------- an upstream's own items


def proof_in(item: Json) -> Seal | None:
    """Read a reasoning item that is only the proof on another item. None if it is not."""
    seal = opened(item.get("encrypted_content"))
    return None if seal is None or seal.is_thinking else seal


def read_reasoning(item: Json) -> Thinking | None:
    """Read a reasoning item. None if it holds nothing.

    Shape:  {"id", "summary": [{"type": "summary_text", "text"}], "content": [{"type":
            "reasoning_text", "text"}], "encrypted_content"}; open models fill `content`.
    """
    seal = opened(item.get("encrypted_content"))
    summary = [text_of(piece.get("text")) for piece in objects_of(item.get("summary"))]
    spoken = [text_of(piece.get("text")) for piece in objects_of(item.get("content"))]
    texts = summary or spoken
    text = PARAGRAPH.join(texts)
    if seal is not None and seal.is_thinking:
        redacted = seal.kind == "redacted"
        return Thinking(text=text, signature=seal.signature, redacted=redacted)
    known = ("type", "status", "summary", "content")
    proof = {key: value for key, value in item.items() if key not in known and value is not None}
    if proof and len(texts) > 1:
        proof["cuts"] = [len(piece) for piece in texts]
    if proof and spoken:
        proof["content"] = item["content"] if summary else True
    if not proof and not text:
        return None
    signature = Signature(NAME, canonical(proof)) if proof else None
    return Thinking(text=text, signature=signature, redacted=not text)


def own_item(part: Thinking) -> Json:
    """Write the reasoning item that an upstream of this dialect made."""
    value = part.signature.value if part.signature is not None else ""
    # From OpenRouter's chat format the encrypted content comes bare.
    proof = parsed_object(value.encode()) or {"encrypted_content": value}
    texts = _cut(part.text, proof.pop("cuts", None))
    content = proof.pop("content", None)
    item: Json = {"type": "reasoning", **proof}
    if content is True:
        item["summary"] = []
        item["content"] = [{"type": "reasoning_text", "text": text} for text in texts]
        return item
    item["summary"] = [{"type": "summary_text", "text": text} for text in texts]
    if content is not None:
        item["content"] = content
    return item


def is_replayable(item: Json, *, stored: bool) -> bool:
    """Tell whether an upstream that stores nothing can read this item: an id alone says nothing."""
    return stored or bool(item.get("encrypted_content")) or bool(item.get("content"))


def _cut(text: str, lengths: object) -> list[str]:
    """Cut a text at the borders of the parts it was joined from, if they are still there."""
    if not text:
        return []
    if not isinstance(lengths, list) or not all(isinstance(length, int) for length in lengths):
        return [text]
    pieces, start = [], 0
    for length in lengths:
        pieces.append(text[start : start + length])
        start += length + len(PARAGRAPH)
    return pieces if PARAGRAPH.join(pieces) == text else [text]


# ------------------------------------------------------------------------ pass-through

_MARK = f'"{ENVELOPE}'.encode()


def unsealed(sent: msgspec.Raw) -> msgspec.Raw:
    """Give a caller's `input` as it may go to an upstream of this dialect.

    Reasoning of this dialect's own gets its form back, other vendors' is left out. All other items,
    and an input without envelopes, keep their bytes.
    """
    if _MARK not in legible(bytes(sent)):
        return sent
    try:
        items = msgspec.json.decode(sent, type=list[msgspec.Raw])
    except msgspec.DecodeError:
        return sent  # no items: then there is no envelope, only a text that looks like one
    written = [_unsealed_item(item) for item in items]
    if all(own is item for own, item in zip(written, items, strict=True)):
        return sent  # a text that looks like an envelope
    return msgspec.Raw(msgspec.json.encode([own for own in written if own is not None]))


def _unsealed_item(item: msgspec.Raw) -> msgspec.Raw | None:
    fields = parsed_object(item) if _MARK in bytes(item) else None
    seal = opened(fields.get("encrypted_content")) if fields is not None else None
    if fields is None or seal is None:
        return item
    thinking = read_reasoning(fields) if seal.is_thinking else None
    if thinking is None or thinking.signature is None or thinking.signature.origin != NAME:
        return None
    return msgspec.Raw(msgspec.json.encode(own_item(thinking)))
