"""One part of a content, both directions. Replies use the same words as requests.

Source: ai.google.dev/api/caching#Part; `providers.md` 2.4; `recordings.md` 5.5
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from headgate.dialects.gemini.wire import NAME, fields, flag, objects, text
from headgate.dialects.lenient_json import arguments_object, compact, parsed_object
from headgate.ir.request import (
    Audio,
    File,
    Image,
    Inline,
    Json,
    Opaque,
    Part,
    Remote,
    Signature,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Uploaded,
)

# A signature that Gemini accepts for a call that another model made, or whose own is lost (see
# ai.google.dev/gemini-api/docs/thought-signatures).
FOREIGN_SIGNATURE = "skip_thought_signature_validator"

# Function calls need not have ids at Gemini. An id that begins like this is ours: other dialects
# match results by it, and Gemini never sees it.
MADE_ID = "call_gm_"
_SIGNED_ID = re.compile(r"call_[A-Za-z0-9_-]{16,}\.(?:hg-)?(.+)")
_UNFIT = re.compile(r"[^A-Za-z0-9]")
_KEPT_OF_REPLY_ID = 24  # OpenAI refuses ids of more than 40 characters

_UPLOADED = re.compile(r"^https://generativelanguage\.googleapis\.com/|^files/")
_TYPES_BY_ENDING = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "wav": "audio/wav",
    "mp3": "audio/mp3",
}
_ENDING = re.compile(r"\.([a-z0-9]{2,4})(?:[?#]|$)", re.IGNORECASE)
_VIDEO_SITES = re.compile(r"^https://(?:www\.)?(?:youtube\.com|youtu\.be)/")


def signed(value: object, place: str) -> Signature | None:
    """Read a `thoughtSignature`; "" is none."""
    found = text(value, f"{place}.thoughtSignature") if value is not None else ""
    return Signature(NAME, found) if found else None


def own_signature(signature: Signature | None) -> str | None:
    """Give a signature's text if Gemini made it."""
    return signature.value if signature is not None and signature.origin == NAME else None


# ------------------------------------------------------------------ media


def media_part(source: Source, name: str = "") -> Image | Audio | File:
    """Make the part for some media."""
    kind = source.media_type
    if name:
        return File(source=source, name=name)
    if kind.startswith("image/"):
        return Image(source=source)
    return Audio(source=source) if kind.startswith("audio/") else File(source=source)


def decode_media(part: Json, place: str) -> Image | Audio | File | None:
    """Read an `inlineData` or `fileData` part; None if it says more than we have words for."""
    name, value = next(iter(part.items()))
    data = fields(value, f"{place}.{name}")
    title = text(data.pop("displayName", ""), f"{place}.{name}.displayName")
    kind = text(data.pop("mimeType", ""), f"{place}.{name}.mimeType")
    source: Source
    if name == "inlineData":
        base64 = text(data.pop("data", ""), f"{place}.inlineData.data")
        # Google's own client writes base64 in the alphabet of URLs, which only Google reads.
        source = Inline(kind, base64.replace("-", "+").replace("_", "/"))
    else:
        uri = text(data.pop("fileUri", ""), f"{place}.fileData.fileUri")
        ours = _UPLOADED.search(uri) is not None
        source = Uploaded(uri, NAME, kind) if ours else Remote(uri, kind)
    return None if data else media_part(source, title)


def encode_source(source: Source, web_urls: bool, fallback_type: str) -> Json | str:
    """Write a source as `inlineData` or `fileData`; or tell why it cannot be written."""
    match source:
        case Inline():
            return {"inlineData": {"mimeType": source.media_type, "data": source.data}}
        case Uploaded(dialect="gemini"):
            data = {"mimeType": source.media_type} if source.media_type else {}
            return {"fileData": data | {"fileUri": source.file_id}}
        case Uploaded():
            return f"a file that was uploaded to {source.dialect}"
        case Remote():
            elsewhere = source.url.startswith(("gs://", "files/")) or _VIDEO_SITES.match(source.url)
            if not web_urls and not elsewhere:
                return "this model takes no URLs"
            kind = source.media_type or _guessed_type(source.url, fallback_type)
            return {"fileData": {"mimeType": kind, "fileUri": source.url}}


def _guessed_type(url: str, fallback: str) -> str:
    """Guess a media type from a URL's ending: Vertex refuses `fileData` without one."""
    if _VIDEO_SITES.match(url):
        return "video/mp4"
    found = _ENDING.search(url)
    return _TYPES_BY_ENDING.get(found[1].lower(), fallback) if found else fallback


# ------------------------------------------------------------------ function calls and results


class CallNames:
    """Which call a result answers: Gemini pairs by name and order where there is no id."""

    def __init__(self) -> None:
        self._made = 0
        self._open: list[tuple[str, str]] = []  # (call id, function name), unanswered

    def called(self, call_id: str, name: str) -> str:
        """Note a call, and give its id, made up if need be."""
        call_id = call_id or self._make()
        self._open.append((call_id, name))
        return call_id

    def answered(self, call_id: str, name: str) -> str:
        """Give the id of the call that a result answers."""
        exact = [call for call in self._open if call[0] == call_id]
        by_name = [
            call
            for call in self._open
            if call[1] == name and (not call_id or call[0].startswith(MADE_ID))
        ]
        for call in exact or by_name:
            self._open.remove(call)
            return call[0]
        return call_id or self._make()

    def _make(self) -> str:
        self._made += 1
        return made_id("", self._made)


def made_id(reply_id: str, number: int) -> str:
    """Make the id of a call that came without; the reply's own id keeps it apart from others."""
    return f"{MADE_ID}{_UNFIT.sub('', reply_id)[:_KEPT_OF_REPLY_ID]}_{number}"


def encode_id(call_id: str) -> Json:
    """Write the id of a call or result, unless we made it.

    OpenAI callers know the id with a signature in front of it (`uni-api.md` 4.5).
    """
    found = _SIGNED_ID.fullmatch(call_id)
    plain = found[1] if found else call_id
    return {} if not plain or plain.startswith(MADE_ID) else {"id": plain}


def decode_call(part: Json, calls: CallNames, place: str) -> ToolCall | None:
    """Read a `functionCall` part; None if it says more than we have words for."""
    call = fields(part["functionCall"], f"{place}.functionCall")
    if not call.keys() <= {"name", "args", "id"}:
        return None
    name = text(call.get("name"), f"{place}.functionCall.name")
    args = call.get("args", {})
    fields(args, f"{place}.functionCall.args")
    call_id = calls.called(text(call.get("id", ""), f"{place}.functionCall.id"), name)
    return ToolCall(call_id=call_id, name=name, arguments=compact(args))


def encode_call(call: ToolCall) -> Json:
    """Write a `functionCall` part, signed if Gemini signed it."""
    part: Json = {
        "functionCall": {"name": call.name, "args": arguments_of(call)} | encode_id(call.call_id)
    }
    if value := own_signature(call.signature):
        part["thoughtSignature"] = value
    return part


def arguments_of(call: ToolCall) -> Json:
    """Read a call's arguments; a text that is no JSON object is wrapped into one."""
    if call.custom:
        return {"input": call.arguments}
    value = arguments_object(call.arguments)
    return {"input": call.arguments} if value is None else value


def is_json_object(arguments: str) -> bool:
    """Tell whether a call's arguments can be sent as they are."""
    return arguments_object(arguments) is not None


def decode_result(part: Json, calls: CallNames, place: str) -> ToolResult | None:
    """Read a `functionResponse` part; None if it says more than we have words for."""
    at = f"{place}.functionResponse"
    result = fields(part["functionResponse"], at)
    if not result.keys() <= {"name", "response", "id", "parts"}:
        return None
    name = text(result.get("name"), f"{at}.name")
    response = result.get("response", {})
    fields(response, f"{at}.response")
    said = _response_text(response) if response else ""
    content: list[Any] = [Text(text=said)] if said else []
    for media, where in objects(result.get("parts", []), f"{at}.parts"):
        decoded = decode_media(media, where) if _is_media(media) else None
        content.append(Opaque(dialect=NAME, block=media) if decoded is None else decoded)
    return ToolResult(
        call_id=calls.answered(text(result.get("id", ""), f"{at}.id"), name),
        name=name,
        content=tuple(content),
        is_error=response.keys() == {"error"} and isinstance(response["error"], str),
    )


def _is_media(part: Json) -> bool:
    return part.keys() in ({"inlineData"}, {"fileData"})


def _response_text(response: Json) -> str:
    for name in ("result", "error"):
        if response.keys() == {name} and isinstance(response[name], str):
            return str(response[name])
    return compact(response)


def response_object(said: list[str], is_error: bool) -> Json:
    """Write what a tool said as the object that Gemini wants: a JSON object stays itself."""
    whole = "\n".join(said)
    if is_error:
        return {"error": whole}
    if not said:
        return {}
    value = parsed_object(whole.encode(errors="replace"))
    if not value or _response_text(value) != compact(value):
        return {"result": whole}
    return value


def _signed_image(part: Part | None, signature: Signature) -> Image | None:
    """Sign a picture; other media have no place for a signature."""
    return msgspec.structs.replace(part, signature=signature) if isinstance(part, Image) else None


def decode_part(part: Json, calls: CallNames, place: str) -> Part:
    """Read one part. What has no word of ours, or carries more than it, stays as it is."""
    block = dict(part)
    thought = flag(part.pop("thought", False), f"{place}.thought")
    signature = signed(part.pop("thoughtSignature", None), place)
    decoded: Part | None = None
    match list(part):
        case ["text"]:
            said = text(part["text"], f"{place}.text")
            decoded = (
                Thinking(text=said, signature=signature)
                if thought
                else Text(text=said, signature=signature)
            )
        case ["inlineData"] | ["fileData"] if not thought:
            decoded = decode_media(part, place)
            if signature is not None:
                decoded = _signed_image(decoded, signature)
        case ["functionCall"]:
            call = decode_call(part, calls, place)
            decoded = msgspec.structs.replace(call, signature=signature) if call else None
        case ["functionResponse"] if signature is None:
            decoded = decode_result(part, calls, place)
    return Opaque(dialect=NAME, block=block) if decoded is None else decoded
