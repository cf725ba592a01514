"""Reasoning and its proofs, on a wire that has no standard place for them.

- Thinking goes as `reasoning_content`; what is signed or encrypted also as `reasoning_details`, in
  OpenRouter's form, so that a client can give it back (openrouter.ai/docs: reasoning tokens).
- Gemini's signature on a tool call travels inside the call's id, as in uni-api:
  `call_<base64url(signature)>.<suffix>` (`uni-api.md` 4.5). Our suffixes begin with a mark: an id
  that some other gateway behind us has made must go back to it as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from headgate.base.ids import new_id
from headgate.dialects.fields import legible
from headgate.dialects.lenient_json import canonical, parsed_object
from headgate.dialects.seals import packed, unpacked
from headgate.ir.request import Json, Signature, Thinking, ToolCall

NAME = "openai_chat"

_FORMAT_BY_ORIGIN = {"anthropic": "anthropic-claude-v1", "gemini": "google-gemini-v1"}
# Whose proofs `reasoning_details` has a form for: a gateway that routes to them wants them back.
DETAILED = frozenset(_FORMAT_BY_ORIGIN)
_ORIGIN_BY_FORMAT = {form: origin for origin, form in _FORMAT_BY_ORIGIN.items()}
_OURS = "headgate-"  # our own name for the format of any other maker's proof
_PLAIN_KEYS = frozenset({"type", "text", "data", "signature", "format", "index", "id"})

# ------------------------------------------------------------------- reasoning details


def thinking_of(text: str, details: Iterable[Json]) -> list[Thinking]:
    """Read the reasoning of one message.

    Shape:  `details` entries are {"type": "reasoning.text", "text", "signature"?},
            {"type": "reasoning.summary", "summary"} or {"type": "reasoning.encrypted", "data"},
            each with "format" and "index"; they repeat `text`, which counts where they have none.
    """
    parts = [part for detail in details if (part := thinking_of_detail(detail)) is not None]
    if text and not any(part.text for part in parts):
        proof = next((part for part in parts if not part.redacted), None)
        if proof is not None:  # the text came apart from its signature
            parts.remove(proof)
        signature = None if proof is None else proof.signature
        return [Thinking(text=text, signature=signature), *parts]
    return _joined_unsigned(parts)


def thinking_of_detail(detail: Json) -> Thinking | None:
    """Read one entry of `reasoning_details`; None if it holds nothing."""
    text = detail.get("text") or detail.get("summary") or ""
    if not isinstance(text, str):
        return None
    if detail.get("type") == "reasoning.encrypted" and detail.get("data"):
        return Thinking(redacted=True, signature=_signature(detail, "data"))
    if detail.get("signature"):
        return Thinking(text=text, signature=_signature(detail, "signature"))
    return Thinking(text=text) if text else None


def _joined_unsigned(parts: Sequence[Thinking]) -> list[Thinking]:
    """Join neighbouring unsigned texts: OpenRouter gives summaries paragraph by paragraph."""
    joined: list[Thinking] = []
    for part in parts:
        if joined and part.signature is None and joined[-1].signature is None:
            joined[-1] = Thinking(text=joined[-1].text + part.text)
        else:
            joined.append(part)
    return joined


def _signature(detail: Json, key: str) -> Signature:
    """Take the proof out of an entry.

    Anthropic's and Gemini's own come out bare, for those dialects. Others are kept with their
    whole entry, because OpenRouter wants `id` and `format` back unchanged.
    """
    form = str(detail.get("format"))
    origin = _ORIGIN_BY_FORMAT.get(form)
    if form.startswith(_OURS):
        origin = form.removeprefix(_OURS)
    is_plain = detail.keys() <= _PLAIN_KEYS and not detail.get("id")
    if origin is not None and is_plain:
        return Signature(origin, str(detail[key]))
    kept = {name: value for name, value in detail.items() if name not in ("text", "index")}
    return Signature(NAME, canonical(kept))


def detail_of(part: Thinking, index: int) -> Json:
    """Write one entry of `reasoning_details`."""
    signature = part.signature
    if signature is not None and signature.origin == NAME:
        detail: Json = parsed_object(signature.value.encode()) or {}
        if not part.redacted:
            detail["text"] = part.text
        return {**detail, "index": index}
    form = None if signature is None else _form_of(signature)
    if part.redacted and signature is not None:
        return {
            "type": "reasoning.encrypted",
            "data": signature.value,
            "format": form,
            "index": index,
        }
    detail = {"type": "reasoning.text", "text": part.text}
    if signature is not None:
        detail |= {"signature": signature.value, "format": form}
    return {**detail, "index": index}


def _form_of(signature: Signature) -> str:
    return _FORMAT_BY_ORIGIN.get(signature.origin, f"{_OURS}{signature.origin}")


def reasoning_fields(parts: Sequence[Thinking]) -> Json:
    """Write the reasoning of one message; details only where something is signed."""
    fields: Json = {}
    if text := "".join(part.text for part in parts):
        fields["reasoning_content"] = text
    if any(part.signature is not None for part in parts):
        fields["reasoning_details"] = [detail_of(part, index) for index, part in enumerate(parts)]
    return fields


# ------------------------------------------------------------------- signed call ids

_MARK = "hg-"
_SIGNED_ID = re.compile(rf"call_([A-Za-z0-9_-]{{16,}})\.(?:{_MARK})?(.+)", re.DOTALL)


def signed_call_id(call: ToolCall) -> str:
    """Give the id that a caller sees: with Gemini's signature inside, if there is one."""
    call_id = call.call_id or new_id("call_")
    if call.signature is None or call.signature.origin != "gemini" or signature_in(call_id):
        return call_id
    return f"call_{packed(call.signature.value)}.{_MARK}{call_id}"


def signature_in(call_id: str) -> Signature | None:
    """Find the signature in an id that `signed_call_id` (or uni-api) has made."""
    found = _SIGNED_ID.fullmatch(call_id)
    if found is None:
        return None
    value = unpacked(found[1])
    if value is None or not (value.isascii() and value.isprintable()):
        return None
    return Signature("gemini", value)


def unsigned_call_id(call_id: str) -> str:
    """Take the signature out of an id: OpenAI refuses ids of more than 40 characters."""
    found = _SIGNED_ID.fullmatch(call_id)
    return call_id if found is None or signature_in(call_id) is None else found[2]


_SENT_ID = re.compile(rb'("(?:id|tool_call_id)"\s*:\s*")(call_[A-Za-z0-9_-]{16,}\.hg-[^"\\]+)"')


def with_unsigned_ids(messages: msgspec.Raw) -> msgspec.Raw:
    """Take the signatures out of ids that we have made; every other byte stays."""
    sent = bytes(messages)
    if b".hg-" not in legible(sent):
        return messages
    return msgspec.Raw(_SENT_ID.sub(_unsigned, sent))


def _unsigned(found: re.Match[bytes]) -> bytes:
    return found[1] + unsigned_call_id(found[2].decode()).encode() + b'"'


def extra_content_signature(extra_content: Any) -> Signature | None:
    """Read the signature that Gemini's OpenAI path puts beside a call."""
    match extra_content:
        case {"google": {"thought_signature": str(value)}} if value:
            return Signature("gemini", value)
    return None
