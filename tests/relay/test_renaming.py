"""The caller sees the name that it asked for, and its tools' arguments stay as they are."""

import msgspec
import pytest

from headgate.dialects.anthropic import ANTHROPIC
from headgate.dialects.dialect import Dialect
from headgate.dialects.gemini import GEMINI
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.relay.renaming import Renaming


@pytest.mark.parametrize(
    ("dialect", "field"), [(OPENAI_CHAT, "model"), (ANTHROPIC, "model"), (GEMINI, "modelVersion")]
)
def test_only_the_replys_own_field_is_renamed(dialect: Dialect, field: str) -> None:
    inner = {"model": "theirs", "modelVersion": "theirs"}
    body = msgspec.json.encode({"content": [{"input": inner}], field: "upstream"})
    renamed = msgspec.json.decode(Renaming(dialect, "asked").whole(body))
    assert renamed == {"content": [{"input": inner}], field: "asked"}


def test_arguments_in_a_gemini_stream_keep_their_model() -> None:
    frame = {"args": {"modelVersion": "theirs"}, "modelVersion": "gemini-3"}
    sent = b"data: %b\r\n\r\n" % msgspec.json.encode(frame)
    renamed = Renaming(GEMINI, "asked").frames(sent * 2)
    wanted = b"data: %b\n\n" % msgspec.json.encode(frame | {"modelVersion": "asked"})
    assert renamed == wanted * 2


def test_anthropic_stream_is_renamed_at_its_start_alone() -> None:
    start = {"type": "message_start", "message": {"model": "claude", "content": []}}
    delta = b'event: content_block_delta\ndata: {"delta":{"partial_json":"\\"model\\""}}\n\n'
    sent = b"event: message_start\ndata: %b\n\n" % msgspec.json.encode(start)
    start["message"] = {"model": "asked", "content": []}
    wanted = b"event: message_start\ndata: %b\n\n" % msgspec.json.encode(start)
    assert Renaming(ANTHROPIC, "asked").frames(sent + delta) == wanted + delta


@pytest.mark.parametrize("dialect", [OPENAI_CHAT, ANTHROPIC, GEMINI])
def test_what_names_no_model_is_left_alone(dialect: Dialect) -> None:
    renaming = Renaming(dialect, "asked")
    for data in (b"data: [DONE]\n\n", b": message modelVersion\n\n", b'data: {"message": 1}\n\n'):
        assert renaming.frames(data) == data
    assert renaming.whole(b"[]") == b"[]"
    assert renaming.whole(b'{"a":1}') == b'{"a":1}'


def test_openai_frames_are_renamed_in_place() -> None:
    renaming = Renaming(OPENAI_CHAT, "asked")
    frame = b'data: {"model": "gpt-4o", "choices":[{"delta":{"arguments":"{\\"model\\":1}"}}]}\n\n'
    wanted = frame.replace(b'"gpt-4o"', b'"asked"')
    assert renaming.frames(frame) == wanted
    assert renaming.frames(frame + frame) == wanted + wanted
