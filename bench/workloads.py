"""What is asked: one row each. A plain proxy is asked for the upstream's own path."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, json

CHAT_PATH = "/v1/chat/completions"
KEY = "sk-bench"
STREAM_CHUNKS = 100
LONG_PROMPT_BYTES = 50_000
SENTENCE = "Say in one sentence what a headgate is, and why a channel needs one. "


class Workload(Struct, frozen=True, kw_only=True):
    """One kind of request.

    `model` picks headgate's channel in api.yaml, `upstream_path` what the lab answers; `proof`
    stands in every whole answer. Only a gateway can serve what is `translated`.
    """

    name: str
    about: str
    model: str
    upstream_path: str
    proof: bytes
    stream: bool = False
    translated: bool = False
    prompt: str = SENTENCE
    connections: int = 16

    @property
    def chunks(self) -> int:
        """Events of the upstream's stream; 0 if the answer is no stream."""
        return STREAM_CHUNKS if self.stream else 0

    def body(self) -> bytes:
        """The caller's request, in OpenAI's words."""
        question: dict[str, Any] = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": "You are brief."},
                {"role": "user", "content": self.prompt},
            ],
            "temperature": 0.2,
        }
        return json.encode(question | {"stream": True} if self.stream else question)


JSON_PROOF = b"at no cost worth a name"
STREAM_PROOF = b"word90"

WORKLOADS = (
    Workload(
        name="json",
        about="small chat, 1 KB answer",
        model="bench-fast",
        upstream_path="/fast/v1/chat/completions",
        proof=JSON_PROOF,
    ),
    Workload(
        name="json50k",
        about="50 KB prompt, 1 KB answer",
        model="bench-fast",
        upstream_path="/fast/v1/chat/completions",
        proof=JSON_PROOF,
        prompt=SENTENCE * (LONG_PROMPT_BYTES // len(SENTENCE)),
    ),
    Workload(
        name="stream-burst",
        about="100 chunks in 4 writes",
        model="bench-fast",
        upstream_path="/fast/v1/chat/completions",
        proof=STREAM_PROOF,
        stream=True,
    ),
    Workload(
        name="stream-each",
        about="100 chunks, each its own write",
        model="bench-each",
        upstream_path="/each/v1/chat/completions",
        proof=STREAM_PROOF,
        stream=True,
    ),
    Workload(
        name="stream-paced",
        about="100 chunks, 2 ms between them",
        model="bench-paced",
        upstream_path="/paced/v1/chat/completions",
        proof=STREAM_PROOF,
        stream=True,
        connections=32,
    ),
    Workload(
        name="json-translate",
        about="OpenAI caller, Anthropic upstream, 1 KB answer",
        model="bench-translated-fast",
        upstream_path="/fast/v1/messages",
        proof=JSON_PROOF,
        translated=True,
    ),
    Workload(
        name="translate-burst",
        about="OpenAI caller, Anthropic upstream, 100 chunks in 4 writes",
        model="bench-translated-fast",
        upstream_path="/fast/v1/messages",
        proof=STREAM_PROOF,
        stream=True,
        translated=True,
    ),
    Workload(
        name="translate",
        about="OpenAI caller, Anthropic upstream, 100 chunks, each its own write",
        model="bench-translated-each",
        upstream_path="/each/v1/messages",
        proof=STREAM_PROOF,
        stream=True,
        translated=True,
    ),
    Workload(
        name="translate-paced",
        about="OpenAI caller, Anthropic upstream, 100 chunks, 2 ms between them",
        model="bench-translated-paced",
        upstream_path="/paced/v1/messages",
        proof=STREAM_PROOF,
        stream=True,
        translated=True,
        connections=32,
    ),
)

# Held open by the thousand, not put under load: a piece per second, for some seconds.
SLOW_STREAM = Workload(
    name="slow-streams",
    about="a chunk per second, all open at once",
    model="bench-drip",
    upstream_path="/drip-1000/v1/chat/completions",
    proof=b"[DONE]",
    stream=True,
)
