from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from headgate.dialects.anthropic import ANTHROPIC
from headgate.dialects.completions import COMPLETIONS
from headgate.dialects.dialect import Dialect, ReplyContext, Target
from headgate.dialects.edits import EDITS
from headgate.dialects.gemini import GEMINI
from headgate.dialects.openai_chat import OPENAI_CHAT
from headgate.dialects.openai_responses import OPENAI_RESPONSES

DIALECTS = (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC, GEMINI, COMPLETIONS, EDITS)
CONTEXT = ReplyContext(model="m", reply_id="r", created=1)

each = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


def test_every_dialect_has_a_name_of_its_own() -> None:
    assert len({dialect.name for dialect in DIALECTS}) == len(DIALECTS)


@each
@pytest.mark.parametrize(
    "maker", ["frame_decoder", "stream_decoder", "stream_encoder", "meter"], ids=str
)
def test_every_reply_gets_machines_of_its_own(dialect: Dialect, maker: str) -> None:
    make: Callable[..., object] = getattr(dialect, maker)
    arguments = {"stream_encoder": (CONTEXT,), "meter": (True,)}.get(maker, ())
    assert make(*arguments) is not make(*arguments)


@each
def test_nothing_is_no_answer(dialect: Dialect) -> None:
    assert dialect.inspect_reply(b"") is not None
    assert dialect.inspect_reply(b"<html>busy</html>") is not None
    assert dialect.read_usage(b"") is None


@each
def test_a_patch_leaves_the_callers_fields_as_they_were_sent(dialect: Dialect) -> None:
    kept = msgspec.Raw(b'{ "b": 1.50, "a": "\\u00e9" }')
    fields = {"model": msgspec.Raw(b'"alias"'), "unknown": kept}
    patched = dialect.patch_request(fields, Target(model="upstream", stream=False))
    assert bytes(patched["unknown"]) == bytes(kept)
    assert bytes(fields["model"]) == b'"alias"'
