"""Requests of Google's generateContent, in camel case and in snake case.

Source: ai.google.dev/api/generate-content; `providers.md` 2.4.
"""

from __future__ import annotations

from typing import Any

from tests.dialects.bodies.marks import Feature, Json, Marks
from tests.dialects.bodies.openai_chat import schema_of


def base(m: Marks) -> Json:
    """Give the least request."""
    return {"contents": [{"role": "user", "parts": [{"text": m.text()}]}]}


def _say(body: Json, role: str, *parts: Json) -> None:
    body["contents"].append({"role": role, "parts": list(parts)})


def _heard(m: Marks, body: Json, *parts: Json) -> None:
    _say(body, "model", {"text": m.text()})
    _say(body, "user", *parts)


def _said(m: Marks, body: Json, *parts: Json) -> None:
    _say(body, "model", *parts)
    _say(body, "user", {"text": m.text()})


def _config(body: Json) -> Json:
    config: Json = body.setdefault("generationConfig", {})
    return config


def sampling(m: Marks, body: Json) -> None:
    _config(body).update(temperature=m.fraction(), topP=m.fraction(), topK=43)


def penalties(m: Marks, body: Json) -> None:
    _config(body).update(presencePenalty=m.fraction(), frequencyPenalty=m.fraction())


def limits(m: Marks, body: Json) -> None:
    _config(body).update(maxOutputTokens=2011, candidateCount=2, seed=m.number())


def stops(m: Marks, body: Json) -> None:
    _config(body)["stopSequences"] = [m.text(), m.text()]


def logprobs(m: Marks, body: Json) -> None:
    del m
    _config(body).update(responseLogprobs=True, logprobs=7)


def snake_case(m: Marks, body: Json) -> None:
    body["system_instruction"] = {"parts": [{"text": m.text()}]}
    body["generation_config"] = {"top_p": m.fraction(), "thinking_config": {"thinking_budget": 777}}
    data = {"mime_type": "image/png", "data": m.base64()}
    _heard(m, body, {"inline_data": data})


def system(m: Marks, body: Json) -> None:
    parts = [{"text": m.text()}, {"text": m.text()}]
    body["systemInstruction"] = {"role": m.text(), "parts": parts}


def system_text(m: Marks, body: Json) -> None:
    body["systemInstruction"] = m.text()


def budget(m: Marks, body: Json) -> None:
    _config(body)["thinkingConfig"] = {
        "thinkingBudget": 777,
        "includeThoughts": True,
        "x": m.text(),
    }


def level(m: Marks, body: Json) -> None:
    del m
    _config(body)["thinkingConfig"] = {"thinkingLevel": "HIGH"}


def free_thinking(m: Marks, body: Json) -> None:
    del m
    _config(body)["thinkingConfig"] = {"thinkingBudget": -1}


def json_mode(m: Marks, body: Json) -> None:
    del m
    _config(body)["responseMimeType"] = "application/json"


def json_schema(m: Marks, body: Json) -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "a": {"type": "STRING", "description": m.text(), "nullable": True, "format": "enum"},
            "b": {"type": "ARRAY", "items": {"type": "NUMBER"}, "minItems": m.number()},
        },
        "propertyOrdering": ["b", "a"],
        "title": m.text(),
    }
    _config(body).update(responseMimeType="application/json", responseSchema=schema)


def real_json_schema(m: Marks, body: Json) -> None:
    schema = schema_of(m)
    _config(body).update(responseMimeType="application/json", responseJsonSchema=schema)


def enum_form(m: Marks, body: Json) -> None:
    schema = {"type": "STRING", "enum": [m.text(), m.text()]}
    _config(body).update(responseMimeType="text/x.enum", responseSchema=schema)


def spoken(m: Marks, body: Json) -> None:
    voice = {"prebuiltVoiceConfig": {"voiceName": m.text()}}
    _config(body).update(responseModalities=["AUDIO"], speechConfig={"voiceConfig": voice})


def two_voices(m: Marks, body: Json) -> None:
    voice = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": m.text()}}, "speaker": m.text()}
    speech = {"multiSpeakerVoiceConfig": {"speakerVoiceConfigs": [voice]}, "languageCode": m.text()}
    _config(body).update(responseModalities=["AUDIO"], speechConfig=speech)


def pictures_asked(m: Marks, body: Json) -> None:
    image = {"aspectRatio": m.text(), "imageSize": m.text()}
    _config(body).update(responseModalities=["TEXT", "IMAGE"], imageConfig=image)


def other_config(m: Marks, body: Json) -> None:
    _config(body).update(
        mediaResolution=m.text(), enableEnhancedCivicAnswers=True, audioTimestamp=True
    )


def safety(m: Marks, body: Json) -> None:
    body["safetySettings"] = [{"category": m.text(), "threshold": m.text()}]


def others(m: Marks, body: Json) -> None:
    body |= {"cachedContent": m.text("cachedContents/"), "labels": {m.text("k"): m.text()}}
    body |= {"serviceTier": m.text(), "store": True, "xNew": {"deep": m.text()}}


def media(m: Marks, body: Json) -> None:
    kinds = ("image/png", "audio/wav", "application/pdf", "video/mp4", "text/plain")
    parts: list[Json] = [{"inlineData": {"mimeType": k, "data": m.base64()}} for k in kinds]
    parts[2]["inlineData"]["displayName"] = m.text()
    _heard(m, body, *parts, {"text": m.text()})


def stored_media(m: Marks, body: Json) -> None:
    api = "https://generativelanguage.googleapis.com/v1beta/files/"
    _heard(
        m,
        body,
        {"fileData": {"mimeType": "image/png", "fileUri": m.text("gs://b/")}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": m.text(api)}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": m.text("https://h/")}},
        {"fileData": {"fileUri": m.text("https://www.youtube.com/watch?v=")}},
    )


def video(m: Marks, body: Json) -> None:
    clip = {"startOffset": m.text(), "endOffset": m.text(), "fps": m.number()}
    data = {"mimeType": "video/mp4", "data": m.base64()}
    low = {"level": m.text()}
    _heard(
        m,
        body,
        {"inlineData": data, "videoMetadata": clip},
        {"inlineData": {"mimeType": "image/png", "data": m.base64()}, "mediaResolution": low},
    )


def thoughts(m: Marks, body: Json) -> None:
    _said(
        m,
        body,
        {"text": m.text(), "thought": True, "thoughtSignature": m.text()},
        {"text": m.text(), "thoughtSignature": m.text()},
    )


def code(m: Marks, body: Json) -> None:
    _said(
        m,
        body,
        {"executableCode": {"language": "PYTHON", "code": m.text()}},
        {"codeExecutionResult": {"outcome": m.text(), "output": m.text()}},
    )


def drawn(m: Marks, body: Json) -> None:
    data = {"mimeType": "image/png", "data": m.base64()}
    _said(m, body, {"inlineData": data, "thoughtSignature": m.text()})


def calls(m: Marks, body: Json) -> None:
    names, ids = [m.text("f"), m.text("f")], [m.text("c"), m.text("c")]
    made: list[Json] = [
        {"functionCall": {"name": names[0], "args": {m.text("k"): [m.text(), m.number()]}}},
        {"functionCall": {"name": names[1], "args": {}, "id": ids[1]}},
    ]
    made[0]["thoughtSignature"] = m.text()
    given = [
        {"functionResponse": {"name": names[0], "response": {"result": m.text()}}},
        {"functionResponse": {"name": names[1], "id": ids[1], "response": {"error": m.text()}}},
    ]
    _say(body, "model", *made)
    _say(body, "user", *given)


def rich_results(m: Marks, body: Json) -> None:
    name = m.text("f")
    picture = {"inlineData": {"mimeType": "image/png", "data": m.base64()}}
    answer: Json = {"name": name, "response": {"a": m.text(), "b": [m.number()]}}
    _say(body, "model", {"functionCall": {"name": name, "args": {}}})
    _say(body, "user", {"functionResponse": answer | {"parts": [picture]}})


def odd_results(m: Marks, body: Json) -> None:
    name = m.text("f")
    answer: Json = {"name": name, "response": {"a": m.text()}, "scheduling": m.text()}
    _say(body, "model", {"functionCall": {"name": name, "args": {}}})
    _say(body, "user", {"functionResponse": answer | {"willContinue": True}})


def odd_parts(m: Marks, body: Json) -> None:
    body["contents"].append({"role": "user", "parts": [{"text": m.text()}], "xNew": m.text()})
    _heard(m, body, {"xNew": {"deep": m.text()}})


def _add_tool(body: Json, tool: Json) -> None:
    body.setdefault("tools", []).append(tool)


def tools(m: Marks, body: Json) -> None:
    parameters = {
        "type": "OBJECT",
        "properties": {
            m.text("p"): {"type": "STRING", "description": m.text(), "nullable": True},
            "count": {"type": "INTEGER", "minimum": m.number()},
        },
        "required": ["count"],
    }
    declared = {"name": m.text("f"), "description": m.text(), "parameters": parameters}
    _add_tool(body, {"functionDeclarations": [declared]})


def fancy_tools(m: Marks, body: Json) -> None:
    declared: Json = {"name": m.text("f"), "parametersJsonSchema": schema_of(m)}
    declared |= {"response": {"type": "STRING", "title": m.text()}, "behavior": m.text()}
    _add_tool(body, {"functionDeclarations": [declared]})


def native_tools(m: Marks, body: Json) -> None:
    _add_tool(body, {"googleSearch": {"timeRangeFilter": {"startTime": m.text()}}})
    _add_tool(body, {"codeExecution": {}, "urlContext": {"x": m.text()}})
    _add_tool(body, {"fileSearch": {"fileSearchStoreNames": [m.text()]}})


def tool_choices(mode: str, allowed: int = 0, **more: Any) -> Feature:
    def feature(m: Marks, body: Json) -> None:
        tools(m, body)
        tools(m, body)
        names = [tool["functionDeclarations"][0]["name"] for tool in body["tools"][-2:]]
        named = {"allowedFunctionNames": names[:allowed]} if allowed else {}
        body["toolConfig"] = {"functionCallingConfig": {"mode": mode, **named, **more}}

    feature.__name__ = f"tool_choice_{mode}_{allowed}".lower()
    return feature


def place(m: Marks, body: Json) -> None:
    where = {"latLng": {"latitude": m.number()}, "languageCode": m.text()}
    body["toolConfig"] = {"retrievalConfig": where}


FEATURES: tuple[Feature, ...] = (
    *(sampling, penalties, limits, stops, logprobs, snake_case, system, system_text, budget),
    *(level, free_thinking, json_mode, json_schema, real_json_schema, enum_form, spoken),
    *(two_voices, pictures_asked, other_config, safety, others, media, stored_media, video),
    *(thoughts, code, drawn, calls, rich_results, odd_results, odd_parts, tools, fancy_tools),
    native_tools,
    *(tool_choices("AUTO"), tool_choices("ANY"), tool_choices("NONE"), tool_choices("ANY", 1)),
    *(tool_choices("ANY", 2), tool_choices("VALIDATED", 1), place),
)
