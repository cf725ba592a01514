"""Images and audio through the real gateway, asked for by the official OpenAI SDK."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import aiohttp
import openai
import pytest

from tests.e2e.harness import KEY, Bench, Gate

WAV = b"RIFF" + bytes(range(256)) * 300
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
MODELS = "gpt-image-1, dall-e-2, dall-e-3, tts-1, gpt-4o-transcribe, whisper-1"


def config(*urls: str, models: str = MODELS, more: str = "") -> str:
    """Offer the models at each of the URLs, in this order."""
    providers = "".join(
        f"""
  - provider: p{number}
    base_url: {url}
    api: up-key
    model: [{models}]{more}"""
        for number, url in enumerate(urls)
    )
    return f"providers:{providers}\napi_keys: [{{api: {KEY}}}]\npreferences: {{cooldown_period: 0}}"


def client(gate: Gate) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gate.url}/v1", api_key=KEY, max_retries=0)


FAILING_FIRST = ("LAB/503/v1/chat/completions", "LAB/second/v1/chat/completions")


def file_of(bench: Bench) -> dict[str, Any]:
    """The first file that the lab received last."""
    assert bench.last.form is not None
    return next(part for part in bench.last.form.parts if part["filename"] is not None)


# ------------------------------------------------------------------------------- images


async def test_image_is_drawn_by_the_channel_that_can(bench: Bench) -> None:
    gate = await bench.gateway(config(*FAILING_FIRST))
    async with client(gate) as sdk:
        reply = await sdk.images.generate(model="gpt-image-1", prompt="a cat", n=2)
    assert reply.data is not None
    assert [image.revised_prompt for image in reply.data] == ["second: a cat"] * 2
    assert base64.b64decode(reply.data[0].b64_json or "").startswith(b"\x89PNG")
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens
    assert bench.places == ["503", "second"]


async def test_image_comes_as_events(bench: Bench) -> None:
    gate = await bench.gateway(config(*FAILING_FIRST))
    async with client(gate) as sdk:
        stream = await sdk.images.generate(
            model="gpt-image-1", prompt="a cat", stream=True, partial_images=2
        )
        events = [event async for event in stream]
    kinds = ["partial_image", "partial_image", "completed"]
    assert [event.type for event in events] == [f"image_generation.{kind}" for kind in kinds]
    assert all(base64.b64decode(event.b64_json).startswith(b"\x89PNG") for event in events)
    assert bench.places == ["503", "second"]


@pytest.mark.parametrize("stream", [False, True])
async def test_images_are_edited(bench: Bench, stream: bool) -> None:
    gate = await bench.gateway(config(*FAILING_FIRST))
    async with client(gate) as sdk:
        asked: Any = sdk.images.edit
        reply = await asked(
            model="gpt-image-1",
            image=[("one.png", PNG, "image/png"), ("two.png", PNG + b"2", "image/png")],
            mask=("mask.png", PNG + b"3", "image/png"),
            prompt="turn it green",
            stream=stream,
        )
        if stream:
            assert [event.type async for event in reply] == ["image_edit.completed"]
    assert bench.last.form is not None
    files = [part for part in bench.last.form.parts if part["filename"] is not None]
    assert {part["name"] for part in files} == {"image[]", "mask"}
    sums = {hashlib.sha256(PNG + more).hexdigest() for more in (b"", b"2", b"3")}
    assert {part["sha256"] for part in files} == sums
    assert {part["content_type"] for part in files} == {"image/png"}


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # OpenAI's, of the method
async def test_image_is_varied_and_dall_es_addresses_pass(bench: Bench) -> None:
    gate = await bench.gateway(config(*FAILING_FIRST))
    async with client(gate) as sdk:
        reply = await sdk.images.create_variation(model="dall-e-2", image=("a.png", PNG))
    assert reply.data is not None
    assert (reply.data[0].url or "").startswith("https://images.lab.invalid/second/")
    assert file_of(bench)["sha256"] == hashlib.sha256(PNG).hexdigest()


async def test_images_of_uni_apis_users_have_a_usual_model(bench: Bench) -> None:
    gate = await bench.gateway(config("LAB/ok1/v1/chat/completions"))
    reply = await gate.post("/v1/images/generations", {"prompt": "a cat"})
    assert (reply.status, bench.last.model) == (200, "dall-e-3")


async def test_whole_image_becomes_events_where_a_stream_was_asked_for(bench: Bench) -> None:
    gate = await bench.gateway(config("LAB/json-for-stream/v1/chat/completions"))
    async with client(gate) as sdk:
        stream = await sdk.images.generate(model="gpt-image-1", prompt="a cat", stream=True)
        events = [event async for event in stream]
    assert [event.type for event in events] == ["image_generation.completed"]


# -------------------------------------------------------------------------------- audio


async def test_speech_streams(bench: Bench) -> None:
    gate = await bench.gateway(config(*FAILING_FIRST))
    async with (
        client(gate) as sdk,
        sdk.audio.speech.with_streaming_response.create(
            model="tts-1", voice="alloy", input="a few words", response_format="opus"
        ) as reply,
    ):
        assert reply.headers["content-type"] == "audio/opus"
        pieces = [piece async for piece in reply.iter_bytes()]
    assert sum(map(len, pieces)) == 8 * 4096
    direct = await gate.post(
        "/v1/audio/speech", {"model": "tts-1", "voice": "alloy", "input": "a few words"}
    )
    assert direct.body == b"".join(pieces)


async def test_speech_comes_as_events(bench: Bench) -> None:
    gate = await bench.gateway(config(*FAILING_FIRST))
    body = {"model": "tts-1", "voice": "alloy", "input": "hi", "stream_format": "sse"}
    reply = await gate.post("/v1/audio/speech", body)
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    *deltas, done = reply.events
    sound = b"".join(base64.b64decode(delta["audio"]) for delta in deltas)
    assert len(sound) == 8 * 4096
    assert done["type"] == "speech.audio.done"
    assert done["usage"]["total_tokens"] > 0


async def test_sound_that_breaks_off_is_not_taken_for_whole(bench: Bench) -> None:
    gate = await bench.gateway(config("LAB/cut-10000/v1/chat/completions"))
    async with client(gate) as sdk:
        with pytest.raises(Exception, match="peer closed connection"):  # of the SDK's HTTP client
            async with sdk.audio.speech.with_streaming_response.create(
                model="tts-1", voice="alloy", input="hi"
            ) as reply:
                async for _ in reply.iter_bytes():
                    pass


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # OpenAI's, of a method
async def test_transcript_in_every_form(bench: Bench) -> None:
    gate = await bench.gateway(config(*FAILING_FIRST))
    said = f"second: I heard talk.wav, {len(WAV)} bytes, sha256 {hashlib.sha256(WAV).hexdigest()}."
    file = ("talk.wav", WAV, "audio/wav")
    async with client(gate) as sdk:
        create: Any = sdk.audio.transcriptions.create
        reply = await create(model="gpt-4o-transcribe", file=file)
        assert reply.text == said
        assert reply.usage.input_token_details.audio_tokens > 0
        for form in ("text", "srt", "vtt"):
            text = await create(model="whisper-1", file=file, response_format=form)
            assert said in text
        verbose = await create(
            model="whisper-1",
            file=file,
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
        assert verbose.segments[0].text == said
        assert bench.last.form is not None
        granularities = [
            part["value"]
            for part in bench.last.form.parts
            if part["name"] == "timestamp_granularities[]"
        ]
        assert granularities == ["word", "segment"]
        translated = await sdk.audio.translations.create(model="whisper-1", file=file)
        assert translated.text == said


async def test_plain_transcript_keeps_its_content_type(bench: Bench) -> None:
    gate = await bench.gateway(config("LAB/ok1/v1/audio/transcriptions"))
    form = aiohttp.FormData({"model": "whisper-1", "response_format": "text"})
    form.add_field("file", WAV, filename="a.wav")
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            f"{gate.url}/audio/transcriptions",
            data=form,
            headers={"authorization": f"Bearer {KEY}"},
        ) as answer,
    ):
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert (await answer.text()).startswith("ok1: I heard a.wav")


@pytest.mark.parametrize("model", ["gpt-4o-transcribe", "whisper-1"])
async def test_transcript_comes_as_events_even_from_whisper(bench: Bench, model: str) -> None:
    gate = await bench.gateway(config(*FAILING_FIRST))
    async with client(gate) as sdk:
        stream = await sdk.audio.transcriptions.create(
            model=model, file=("talk.wav", WAV), stream=True
        )
        events: list[Any] = [event async for event in stream]
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text.startswith("second: I heard talk.wav")
    assert events[-1].usage is not None


# ------------------------------------------------------------- what is true of all of them


async def test_models_are_renamed_and_operators_parameters_win(bench: Bench) -> None:
    overrides = "\n    preferences: {post_body_parameter_overrides: {language: de}}"
    gate = await bench.gateway(
        config("LAB/ok1/v1", models="{gpt-4o-transcribe: ears}, {tts-1: voice}", more=overrides)
    )
    async with client(gate) as sdk:
        await sdk.audio.transcriptions.create(model="ears", file=("a.wav", WAV), language="en")
        assert bench.last.form is not None
        plain = {p["name"]: p["value"] for p in bench.last.form.parts if p["filename"] is None}
        assert plain["model"] == "gpt-4o-transcribe"
        assert plain["language"] == "de"
        await sdk.audio.speech.create(model="voice", voice="alloy", input="hi")
        assert bench.last.json["model"] == "tts-1"
        assert bench.last.json["language"] == "de"


@pytest.mark.parametrize("place", ["200-error", "200-error-json", "html", "redirect"])
async def test_error_inside_a_200_fails_over(bench: Bench, place: str) -> None:
    gate = await bench.gateway(config(f"LAB/{place}/v1", "LAB/second/v1"))
    async with client(gate) as sdk:
        reply = await sdk.images.generate(model="gpt-image-1", prompt="a cat")
        assert reply.data is not None
        assert reply.data[0].revised_prompt == "second: a cat"
        spoken = await sdk.audio.speech.create(model="tts-1", voice="alloy", input="hi")
        assert len(spoken.content) == 8 * 4096
    assert bench.places == [place, "second"] * 2


async def test_upstreams_refusal_reaches_the_sdk(bench: Bench) -> None:
    gate = await bench.gateway(config("LAB/ok1/v1", "LAB/second/v1"))
    async with client(gate) as sdk:
        with pytest.raises(openai.BadRequestError) as caught:
            await sdk.audio.speech.create(model="tts-1", voice="", input="hi")
    assert "voice" in str(caught.value)
    assert bench.places == ["ok1"]


async def test_what_no_channel_can_do_is_a_clear_404(bench: Bench) -> None:
    gate = await bench.gateway(config("LAB/ok1/v1/messages"))
    async with client(gate) as sdk:
        with pytest.raises(openai.NotFoundError) as caught:
            await sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", WAV))
    assert "No channel that offers whisper-1 can do transcriptions." in str(caught.value)
    assert bench.places == []


async def test_uni_apis_engines_of_one_task(bench: Bench) -> None:
    gate = await bench.gateway(
        f"""
        providers:
          - {{provider: i, engine: dalle, base_url: LAB/i/v1/images/generations, api: k,
             model: [m]}}
          - {{provider: t, engine: tts, base_url: LAB/t/v1/audio/speech, api: k, model: [m]}}
          - {{provider: w, engine: whisper, base_url: LAB/w/v1/audio/transcriptions, api: k,
             model: [m]}}
        api_keys: [{{api: {KEY}}}]
        """
    )
    async with client(gate) as sdk:
        await sdk.audio.transcriptions.create(model="m", file=("a.wav", WAV))
        await sdk.audio.speech.create(model="m", voice="alloy", input="hi")
        await sdk.images.edit(model="m", image=("a.png", PNG), prompt="p")
    assert [(request.place, request.path) for request in bench.lab.requests] == [
        ("w", "/w/v1/audio/transcriptions"),
        ("t", "/t/v1/audio/speech"),
        ("i", "/i/v1/images/edits"),
    ]


async def test_azures_sdk_names_the_model_in_the_path(bench: Bench) -> None:
    gate = await bench.gateway(config(*FAILING_FIRST))
    async with openai.AsyncAzureOpenAI(
        azure_endpoint=gate.url, api_key=KEY, api_version="2025-01-01-preview", max_retries=0
    ) as sdk:
        heard = await sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", WAV))
        assert heard.text.startswith("second: I heard a.wav")
        drawn = await sdk.images.generate(model="gpt-image-1", prompt="a cat")
        assert drawn.data is not None
    assert bench.last.model == "gpt-image-1"
