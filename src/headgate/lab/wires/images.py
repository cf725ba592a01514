"""OpenAI's images: generations, edits and variations, whole or with partial images first.

Source: platform.openai.com/docs/api-reference/images, .../images-streaming
"""

from __future__ import annotations

import base64
from functools import partial

from msgspec import json

from headgate.lab.plan import Plan, stream, whole
from headgate.lab.wires.openai import CREATED
from headgate.lab.wires.openai_other import event, missing, number, text
from headgate.lab.wires.pictures import picture, sides
from headgate.lab.wires.question import Json, Question, dicts, words

IMAGES_MAX = 10
PARTIAL_MAX = 3
TOKENS_PER_IMAGE = 272
PROMPT_MAX = 2000
URL = "https://images.lab.invalid/{place}/{number}-{index}.png"


def generations(question: Question) -> Plan:
    """Draw what the prompt says."""
    return _answer(question, "image_generation") if text(question, "prompt") else missing("prompt")


def edits(question: Question) -> Plan:
    """Change the images that came in the form, or that the JSON body points to."""
    if not text(question, "prompt"):
        return missing("prompt")
    return _answer(question, "image_edit") if inputs(question) else missing("image")


def variations(question: Question) -> Plan:
    """Vary the image of the form."""
    return _answer(question, "image_variation") if inputs(question) else missing("image")


def inputs(question: Question) -> list[str]:
    """What images have arrived: each file with its size and hash, each reference as it stands."""
    form = question.prompt.form
    files = form.files() if form is not None else ()
    references = question.prompt.body.get("images", question.prompt.body.get("image"))
    pointed = dicts(references if isinstance(references, list) else [references])
    return [
        *(f"{part.name} {part.filename} {part.size} bytes {part.sha256}" for part in files),
        *(f"{name} {value}" for entry in pointed for name, value in sorted(entry.items())),
    ]


def _about(question: Question) -> str:
    """The text by which a test sees who drew, what for and out of what."""
    prompt = text(question, "prompt")[:PROMPT_MAX]
    return "; ".join((f"{question.place}: {prompt}", *inputs(question)))


def _usage(question: Question, count: int) -> Json:
    written, seen = len(words(text(question, "prompt"))), len(inputs(question))
    entered = written + seen * TOKENS_PER_IMAGE
    drawn = count * TOKENS_PER_IMAGE
    return {
        "input_tokens": entered,
        "input_tokens_details": {"text_tokens": written, "image_tokens": entered - written},
        "output_tokens": drawn,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": drawn},
        "total_tokens": entered + drawn,
    }


def _answer(question: Question, kind: str) -> Plan:
    body = question.prompt.body
    count = max(1, min(number(body.get("n"), 1), IMAGES_MAX))
    width, height = sides(text(question, "size"))
    draw = partial(picture, width, height)
    about = _about(question)
    if question.stream and kind != "image_variation":
        look = {"size": f"{width}x{height}", "quality": "high", "background": "opaque"}
        return _stream(question, kind, look | {"output_format": "png"})
    old = question.model.startswith("dall-e")
    reply: Json = {"created": CREATED}
    if (text(question, "response_format") or ("url" if old else "b64_json")) == "url":
        reply["data"] = [
            {"revised_prompt": about, "url": _url(question, index)} for index in range(count)
        ]
    else:
        reply["data"] = [
            {"revised_prompt": about, "b64_json": _packed(draw(f"{about} #{index}"))}
            for index in range(count)
        ]
    if not old:
        reply |= {"size": f"{width}x{height}", "quality": "high", "background": "opaque"}
        reply |= {"output_format": "png", "usage": _usage(question, count)}
    return whole(json.encode(reply))


def _url(question: Question, index: int) -> str:
    return URL.format(place=question.place, number=question.number, index=index)


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _stream(question: Question, kind: str, look: Json) -> Plan:
    """Partial images as asked for, then the last one with the usage."""
    drafts = max(0, min(number(question.prompt.body.get("partial_images"), 0), PARTIAL_MAX))
    size, about = sides(str(look["size"])), _about(question)
    shared: Json = {"created_at": CREATED} | look
    events: list[Json] = [
        {
            "type": f"{kind}.partial_image",
            "b64_json": _packed(picture(*size, f"{about} draft {index}")),
            "partial_image_index": index,
        }
        | shared
        for index in range(drafts)
    ]
    last = _packed(picture(*size, f"{about} #0"))
    done: Json = {"type": f"{kind}.completed", "b64_json": last, "usage": _usage(question, 1)}
    return stream(event(data, named=True) for data in (*events, done | shared))
