from __future__ import annotations

from typing import Any

import pytest

from headgate.base.failure import RelayError
from headgate.dialects.dialect import Target
from headgate.dialects.gemini.config import decode_config, encode_config
from headgate.ir.loss import Losses
from headgate.ir.request import AudioOutput, ChatRequest, Json, Reasoning, ResponseFormat, Tool
from headgate.providers.catalog import CATALOG

FLASH = "gemini-2.5-flash"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FORM = ResponseFormat(kind="json_schema", schema=SCHEMA)


def written(model: str = FLASH, provider: str = "gemini", **asked: Any) -> tuple[Json, list[str]]:
    """Write the config of a request; give it and the fields that were lost."""
    losses = Losses("gemini")
    request = ChatRequest(model="m", turns=(), **asked)
    target = Target(model=model, alias=model, traits=CATALOG[provider].traits)
    return encode_config(request, target, losses), [loss.field for loss in losses]


def config_of(model: str = FLASH, **asked: Any) -> Json:
    return written(model, **asked)[0]


def test_sampling_is_written_in_geminis_words() -> None:
    config, lost = written(
        max_tokens=5,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        seed=7,
        n=2,
        stop=("a", ""),
        presence_penalty=1.0,
        frequency_penalty=-1.0,
        logprobs=True,
        top_logprobs=3,
    )
    assert lost == []
    assert config == {
        "maxOutputTokens": 5,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "seed": 7,
        "candidateCount": 2,
        "stopSequences": ["a"],
        "presencePenalty": 1.0,
        "frequencyPenalty": -1.0,
        "responseLogprobs": True,
        "logprobs": 3,
    }


def test_a_penalty_of_zero_is_not_sent() -> None:
    assert "presencePenalty" not in config_of(presence_penalty=0.0, frequency_penalty=0.0)


@pytest.mark.parametrize(
    ("model", "provider", "asked", "sent"),
    [
        (FLASH, "gemini", None, 65_536),
        (FLASH, "vertex", None, 65_535),
        (FLASH, "gemini", 100_000, 65_536),
        (FLASH, "vertex", 100_000, 65_535),
        ("gemini-2.0-flash", "gemini", None, 8192),
        ("gemini-1.5-pro", "gemini", 9000, 8192),
        (FLASH, "gemini", 10, 10),
    ],
)
def test_output_has_a_limit_and_a_default(
    model: str, provider: str, asked: int | None, sent: int
) -> None:
    config, lost = written(model, provider, max_tokens=asked)
    assert config["maxOutputTokens"] == sent
    assert lost == (["max_tokens"] if asked is not None and asked > sent else [])


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"temperature": 3.0}, "temperature"),
        ({"stop": tuple("abcdef")}, "stop"),
        ({"seed": 2**40}, "seed"),
        ({"audio": AudioOutput(voice="Kore", format="")}, "audio"),
    ],
)
def test_what_goes_beyond_geminis_limits_is_named(asked: Json, field: str) -> None:
    assert written(**asked)[1] == [field]


def test_only_five_stops_are_sent() -> None:
    assert config_of(stop=tuple("abcdef"))["stopSequences"] == list("abcde")


def test_an_answer_in_json_has_its_media_type_and_schema() -> None:
    assert config_of(response_format=ResponseFormat(kind="json"))["responseMimeType"] == (
        "application/json"
    )
    config = config_of(response_format=FORM)
    assert config["responseSchema"] == SCHEMA
    text = config_of(response_format=ResponseFormat(kind="text"))
    assert text["responseMimeType"] == "text/plain"


def test_a_schema_that_cleaning_would_weaken_goes_as_json_schema() -> None:
    free = ResponseFormat(kind="json_schema", schema={"type": "object"})
    assert written(response_format=free)[0]["responseJsonSchema"] == {"type": "object"}
    config, lost = written("gemini-1.5-pro", response_format=free)
    assert config["responseSchema"] == {"type": "object"}
    assert lost == ["response_format.json_schema.schema"]


def test_json_mode_beside_functions_is_for_the_third_generation() -> None:
    tools = (Tool(name="f"),)
    config, lost = written(response_format=FORM, tools=tools)
    assert "responseMimeType" not in config
    assert lost == ["response_format"]
    assert "responseMimeType" in config_of("gemini-3-pro", response_format=FORM, tools=tools)


def test_an_image_model_is_told_to_draw() -> None:
    config = config_of("gemini-2.5-flash-image")
    assert config == {"responseModalities": ["TEXT", "IMAGE"], "temperature": 1}
    assert config_of("gemini-2.5-flash-image", temperature=0.2)["temperature"] == 0.2


def test_a_speech_model_is_told_to_speak() -> None:
    model = "gemini-2.5-flash-preview-tts"
    kore = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}
    assert config_of(model) == {"responseModalities": ["AUDIO"], "speechConfig": kore}
    alloy, lost = written(model, audio=AudioOutput(voice="alloy", format="wav"))
    assert alloy["speechConfig"] == kore
    assert lost == ["audio.voice", "audio.format"]
    puck = config_of(model, audio=AudioOutput(voice="Puck", format=""))
    assert puck["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"] == "Puck"


def test_thinking_goes_into_its_config() -> None:
    config = config_of(reasoning=Reasoning(budget_tokens=1000))
    assert config["thinkingConfig"] == {"thinkingBudget": 1000, "includeThoughts": True}


def test_a_config_is_read_in_both_spellings() -> None:
    known, rest = decode_config(
        {
            "max_output_tokens": "5",
            "topK": 40.0,
            "temperature": 1,
            "stop_sequences": ["a"],
            "responseModalities": ["TEXT", 2],
            "responseLogprobs": True,
            "response_mime_type": "application/json",
            "response_schema": {"type": "OBJECT"},
            "mediaResolution": "LOW",
            "seed": None,
        },
        "generationConfig",
    )
    assert rest == {"mediaResolution": "LOW"}
    assert {name: value for name, value in known.items() if value is not None} == {
        "max_tokens": 5,
        "top_k": 40,
        "temperature": 1,
        "stop": ("a",),
        "modalities": ("text", "image"),
        "logprobs": True,
        "response_format": ResponseFormat(kind="json_schema", schema={"type": "object"}),
    }


def test_a_voice_is_read_as_the_sdk_writes_it() -> None:
    config = {"speechConfig": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Puck"}}}}
    known, rest = decode_config(config, "generationConfig")
    assert known["audio"] == AudioOutput(voice="Puck", format="")
    assert rest == {}


def test_other_forms_of_answer_and_speech_stay_geminis() -> None:
    config = {
        "responseMimeType": "text/x.enum",
        "responseSchema": {"type": "STRING", "enum": ["a"]},
        "speechConfig": {"multiSpeakerVoiceConfig": {}},
    }
    known, rest = decode_config(config, "generationConfig")
    assert rest == config
    assert known["response_format"] is None
    assert known["audio"] is None


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"temperature": "hot"}, "generationConfig.temperature"),
        ({"stopSequences": [1]}, "generationConfig.stopSequences[0]"),
        ({"candidateCount": 1.5}, "generationConfig.candidateCount"),
        ({"responseModalities": [{}]}, "generationConfig.responseModalities[0]"),
        (
            {"responseMimeType": "application/json", "responseJsonSchema": 1},
            "generationConfig.responseSchema",
        ),
    ],
)
def test_a_wrong_type_is_refused_with_its_place(config: Json, place: str) -> None:
    with pytest.raises(RelayError) as caught:
        decode_config(config, "generationConfig")
    assert caught.value.failure.param == place
