from __future__ import annotations

import pytest

from headgate.base.failure import RelayError
from headgate.dialects.gemini.parts import (
    CallNames,
    arguments_of,
    decode_part,
    encode_call,
    encode_id,
    encode_source,
    made_id,
    response_object,
)
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

PROOF = Signature("gemini", "c2ln")


def read(part: Json, calls: CallNames | None = None) -> Part:
    return decode_part(part, calls or CallNames(), "contents[0].parts[0]")


@pytest.mark.parametrize(
    ("wire", "part"),
    [
        ({"text": "a"}, Text(text="a")),
        ({"text": "a", "thought": False}, Text(text="a")),
        ({"text": "a", "thought": True}, Thinking(text="a")),
        ({"text": "", "thoughtSignature": "c2ln"}, Text(text="", signature=PROOF)),
        (
            {"inlineData": {"mimeType": "image/png", "data": "-_-_"}},
            Image(source=Inline("image/png", "+/+/")),
        ),
        (
            {"inlineData": {"mime_type": "image/png", "data": "AA"}},
            Image(source=Inline("image/png", "AA")),
        ),
        (
            {"inlineData": {"mimeType": "audio/wav", "data": "AA"}},
            Audio(source=Inline("audio/wav", "AA")),
        ),
        (
            {"inlineData": {"mimeType": "application/pdf", "data": "AA", "displayName": "a.pdf"}},
            File(source=Inline("application/pdf", "AA"), name="a.pdf"),
        ),
        (
            {"fileData": {"mimeType": "video/mp4", "fileUri": "https://youtu.be/x"}},
            File(source=Remote("https://youtu.be/x", "video/mp4")),
        ),
        (
            {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/f"}},
            File(
                source=Uploaded(
                    "https://generativelanguage.googleapis.com/v1beta/files/f", "gemini"
                )
            ),
        ),
        (
            {
                "functionCall": {"name": "f", "args": {"a": 1}, "id": "x"},
                "thoughtSignature": "c2ln",
            },
            ToolCall(call_id="x", name="f", arguments='{"a":1}', signature=PROOF),
        ),
        (
            {"functionResponse": {"name": "f", "response": {"result": "r"}, "id": "x"}},
            ToolResult(call_id="x", name="f", content=(Text(text="r"),)),
        ),
        (
            {"functionResponse": {"name": "f", "response": {"error": "e"}, "id": "x"}},
            ToolResult(call_id="x", name="f", content=(Text(text="e"),), is_error=True),
        ),
        (
            {"functionResponse": {"name": "f", "response": {"a": 1}, "id": "x"}},
            ToolResult(call_id="x", name="f", content=(Text(text='{"a":1}'),)),
        ),
        (
            {
                "functionResponse": {
                    "name": "f",
                    "id": "x",
                    "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA"}}],
                }
            },
            ToolResult(call_id="x", name="f", content=(Image(source=Inline("image/png", "AA")),)),
        ),
    ],
)
def test_parts_are_read(wire: Json, part: Part) -> None:
    assert read(wire) == part


@pytest.mark.parametrize(
    "wire",
    [
        {"executableCode": {"code": "1", "language": "PYTHON"}, "thoughtSignature": "c2ln"},
        {"toolCall": {"toolType": "x"}},
        {"fileData": {"fileUri": "gs://x"}, "videoMetadata": {"fps": 1}},
        {"inlineData": {"mimeType": "image/png", "data": "AA"}, "thought": True},
        {"inlineData": {"mimeType": "audio/wav", "data": "AA"}, "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "f", "willContinue": True}},
        {"functionResponse": {"name": "f", "response": {}, "scheduling": "SILENT"}},
    ],
)
def test_what_says_more_than_we_have_words_for_stays_as_it_is(wire: Json) -> None:
    assert read(dict(wire)) == Opaque(dialect="gemini", block=wire)


@pytest.mark.parametrize(
    ("wire", "place"),
    [
        ({"text": 1}, "text"),
        ({"text": "a", "thought": "yes"}, "thought"),
        ({"text": "a", "thoughtSignature": 1}, "thoughtSignature"),
        ({"inlineData": "x"}, "inlineData"),
        ({"inlineData": {"mimeType": "a/b", "data": 1}}, "inlineData.data"),
        ({"functionCall": {"args": {}}}, "functionCall.name"),
        ({"functionCall": {"name": "f", "args": []}}, "functionCall.args"),
        ({"functionResponse": {"name": "f", "response": "x"}}, "functionResponse.response"),
    ],
)
def test_a_wrong_type_is_refused_with_its_place(wire: Json, place: str) -> None:
    with pytest.raises(RelayError) as caught:
        read(wire)
    assert caught.value.failure.param == f"contents[0].parts[0].{place}"


def test_results_find_their_calls_by_id_or_by_name_and_order() -> None:
    calls = CallNames()
    first, second = calls.called("", "f"), calls.called("", "f")
    calls.called("g1", "g")
    assert first != second
    assert calls.answered("g1", "g") == "g1"
    assert calls.answered("", "f") == first
    assert calls.answered("theirs", "f") == second
    assert calls.answered("stray", "h") == "stray"
    assert calls.answered("", "h") not in {"", first, second}


def test_made_ids_are_short_and_never_sent() -> None:
    call_id = made_id("gs/_3noMaojQL_2s6tkPiO26qQ4-and-on-and-on", 12)
    assert len(call_id) <= 40
    assert encode_id(call_id) == {}
    assert made_id("a", 1) != made_id("b", 1) != made_id("b", 2)


def test_an_id_comes_back_without_the_signature_that_openai_callers_saw() -> None:
    assert encode_id("abc") == {"id": "abc"}
    assert encode_id("call_abc") == {"id": "call_abc"}
    assert encode_id("call_c2lnbmF0dXJlc2ln.abc") == {"id": "abc"}
    assert encode_id("call_c2lnbmF0dXJlc2ln.hg-abc") == {"id": "abc"}
    assert encode_id("call_c2lnbmF0dXJlc2ln." + made_id("r", 1)) == {}
    assert encode_id("") == {}


def test_only_geminis_own_signature_is_written() -> None:
    call = ToolCall(call_id="x", name="f", arguments='{"a":1}')
    wire: Json = {"functionCall": {"name": "f", "args": {"a": 1}, "id": "x"}}
    assert encode_call(call) == wire
    signed = ToolCall(call_id="x", name="f", arguments='{"a":1}', signature=PROOF)
    assert encode_call(signed) == wire | {"thoughtSignature": "c2ln"}
    foreign = Signature("anthropic", "x")
    other = ToolCall(call_id="x", name="f", arguments='{"a":1}', signature=foreign)
    assert encode_call(other) == wire


@pytest.mark.parametrize(
    ("arguments", "args"),
    [
        ('{"a": [1]}', {"a": [1]}),
        ("", {}),
        (" ", {}),
        ("not json", {"input": "not json"}),
        ("[1]", {"input": "[1]"}),
    ],
)
def test_arguments_are_an_object(arguments: str, args: Json) -> None:
    assert arguments_of(ToolCall(call_id="x", name="f", arguments=arguments)) == args


def test_free_text_input_is_an_argument() -> None:
    call = ToolCall(call_id="x", name="f", arguments='{"a":1}', custom=True)
    assert arguments_of(call) == {"input": '{"a":1}'}


@pytest.mark.parametrize(
    ("said", "is_error", "response"),
    [
        ([], False, {}),
        (["a"], False, {"result": "a"}),
        (["a", "b"], False, {"result": "a\nb"}),
        (['{"a":1}'], False, {"a": 1}),
        (['{"result":"a"}'], False, {"result": '{"result":"a"}'}),
        (['{"error":"a"}'], False, {"result": '{"error":"a"}'}),
        (["[1]"], False, {"result": "[1]"}),
        (["{}"], False, {"result": "{}"}),
        (['{"a":1}'], True, {"error": '{"a":1}'}),
        ([], True, {"error": ""}),
    ],
)
def test_a_tools_answer_is_an_object(said: list[str], is_error: bool, response: Json) -> None:
    assert response_object(said, is_error) == response


@pytest.mark.parametrize(
    ("source", "wire"),
    [
        (Inline("image/png", "AA"), {"inlineData": {"mimeType": "image/png", "data": "AA"}}),
        (Uploaded("u", "gemini", "a/b"), {"fileData": {"mimeType": "a/b", "fileUri": "u"}}),
        (Uploaded("u", "gemini"), {"fileData": {"fileUri": "u"}}),
        (
            Remote("https://h/a.PNG?x=1"),
            {"fileData": {"mimeType": "image/png", "fileUri": "https://h/a.PNG?x=1"}},
        ),
        (
            Remote("https://h/a", "image/webp"),
            {"fileData": {"mimeType": "image/webp", "fileUri": "https://h/a"}},
        ),
        (
            Remote("https://youtu.be/x"),
            {"fileData": {"mimeType": "video/mp4", "fileUri": "https://youtu.be/x"}},
        ),
        (Remote("https://h/a"), {"fileData": {"mimeType": "x/y", "fileUri": "https://h/a"}}),
    ],
)
def test_sources_are_written(source: Source, wire: Json) -> None:
    assert encode_source(source, True, "x/y") == wire


def test_a_source_that_cannot_be_written_says_why() -> None:
    assert encode_source(Remote("https://h/a.png"), False, "x/y") == "this model takes no URLs"
    assert isinstance(encode_source(Remote("gs://b/a.png"), False, "x/y"), dict)
    assert "anthropic" in str(encode_source(Uploaded("u", "anthropic"), True, "x/y"))


def test_arguments_nested_without_end_are_a_text() -> None:
    deep = "[" * 20_000
    assert arguments_of(ToolCall(call_id="c", name="f", arguments=deep)) == {"input": deep}
