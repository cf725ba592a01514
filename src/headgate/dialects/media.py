"""Pictures, sound and documents: OpenAI's URL and data fields to sources and back, and texts."""

from __future__ import annotations

import base64
import binascii
import mimetypes

from headgate.ir.request import Inline, Remote, Source

_AUDIO_FORMATS = {"mp3": "audio/mpeg", "pcm16": "audio/pcm"}
_FORMAT_OF_AUDIO = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/pcm": "pcm16",
}


def source_of_url(url: str, media_type: str = "") -> Inline | Remote:
    """Read a URL field: a `data:` URL holds the media itself.

    A `data:` URL that is not base64 stays a URL: no dialect has another word for it.
    """
    head, comma, data = url.partition(",")
    if head[:5].lower() == "data:" and comma and head.endswith(";base64"):
        return Inline(media_type=head[5 : -len(";base64")].partition(";")[0], data=data)
    return Remote(url=url, media_type=media_type)


def url_of_source(source: Inline | Remote) -> str:
    """Write a source as a URL."""
    if isinstance(source, Remote):
        return source.url
    return f"data:{source.media_type};base64,{source.data}"


def video_type(url: str) -> str:
    """Guess the media type of a video behind a URL from its name."""
    guessed = mimetypes.guess_type(url.partition("?")[0])[0] or ""
    return guessed if guessed.startswith("video/") else "video/mp4"


def is_video(source: Source) -> bool:
    """Tell whether this goes into `video_url` rather than `file`."""
    return source.media_type.startswith("video/")


def audio_type(audio_format: str) -> str:
    """Give the media type of a format that `input_audio` names."""
    return _AUDIO_FORMATS.get(audio_format, f"audio/{audio_format}")


def audio_source(data: str, audio_format: str) -> Inline | Remote:
    """Read `input_audio`; some clients put a URL where the base64 belongs."""
    if data[:5].lower() == "data:" or data[:8].lower().startswith(("http://", "https://")):
        return source_of_url(data, audio_type(audio_format))
    return Inline(audio_type(audio_format), data)


def audio_format(media_type: str) -> str:
    """Name a format as `input_audio.format` does: wav, mp3..."""
    return _FORMAT_OF_AUDIO.get(media_type, media_type.partition("/")[2] or "wav")


def plain_text(source: Source) -> str | None:
    """Read a plain text file. None for any other."""
    if not isinstance(source, Inline) or not source.media_type.startswith("text/"):
        return None
    try:
        return base64.b64decode(source.data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
