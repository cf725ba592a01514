"""What the families of generateContent models can do, by the model's name.

Source: ai.google.dev/gemini-api/docs/models, .../thinking, .../thought-signatures; `providers.md`
2.4; `uni-api.md` 1.11, 4.5 (token limits and thinking budgets).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import msgspec

# What a row of the catalogue may say of its generateContent, as `Target.traits`.
WEB_URLS = "web_urls"  # every model takes any http(s) URL as `fileData`
OUTPUT_65535 = "output_65535"  # one token less than the models themselves would give

Level = Literal["minimal", "low", "medium", "high"]
ALL_LEVELS: tuple[Level, ...] = ("minimal", "low", "medium", "high")


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Models that take the same requests.

    Units: tokens. `output_default` is sent when the caller set no limit; None leaves it to the
    model. Thinking is steered by a budget within `budgets`, or by one of `levels`, or not at all;
    `hidden_thinking` models think, and can only be asked to show it.
    """

    output_cap: int = 65_536
    output_default: int | None = 65_536
    budgets: tuple[int, int] | None = None
    can_stop_thinking: bool = True
    levels: tuple[Level, ...] = ()
    hidden_thinking: bool = False
    takes_json_schema: bool = True  # `parametersJsonSchema`, `responseJsonSchema`
    takes_json_mode: bool = True
    takes_json_mode_with_tools: bool = False
    takes_system: bool = True
    takes_web_urls: bool = True  # any http(s) URL as `fileData`
    takes_media_results: bool = False  # `functionResponse.parts`
    wants_signatures: bool = False  # the first function call of a turn must be signed
    answers_in: tuple[str, ...] = ()  # modalities that must be asked for
    safety_off: str = "OFF"  # the threshold that blocks nothing

    @property
    def thinks(self) -> bool:
        """Whether anything about its thinking can be set."""
        return self.budgets is not None or bool(self.levels) or self.hidden_thinking


def _third(*, levels: tuple[Level, ...]) -> Family:
    return Family(
        levels=levels,
        takes_json_mode_with_tools=True,
        takes_media_results=True,
        wants_signatures=True,
    )


# A floating name: by now its model may be of the third generation, which still takes budgets.
def _latest(lowest: int, highest: int, *, can_stop: bool = True) -> Family:
    return Family(budgets=(lowest, highest), can_stop_thinking=can_stop, wants_signatures=True)


_FAMILIES: tuple[tuple[str, Family], ...] = (
    (
        r"-tts",
        Family(
            output_cap=16_384,
            output_default=None,
            takes_json_mode=False,
            takes_system=False,
            answers_in=("audio",),
        ),
    ),
    (
        r"gemini-[3-9].*-image",
        Family(
            output_cap=32_768,
            output_default=None,
            hidden_thinking=True,
            wants_signatures=True,
            answers_in=("text", "image"),
        ),
    ),
    (
        r"-image",
        Family(
            output_cap=32_768,
            output_default=None,
            takes_json_mode=False,
            answers_in=("text", "image"),
        ),
    ),
    (r"gemini-3-pro", _third(levels=("low", "high"))),
    (r"gemini-[3-9].*-pro", _third(levels=("low", "medium", "high"))),
    (r"gemini-[3-9]", _third(levels=ALL_LEVELS)),
    (r"gemini-2\.5-pro", Family(budgets=(128, 32_768), can_stop_thinking=False)),
    (r"gemini-2\.5-flash-lite", Family(budgets=(512, 24_576))),
    (r"gemini-2\.5", Family(budgets=(1, 24_576))),
    (r"gemini-pro-latest", _latest(128, 32_768, can_stop=False)),
    (r"gemini-flash-lite-latest", _latest(512, 24_576)),
    (r"gemini-flash-latest", _latest(1, 24_576)),
    (r"gemini-2", Family(output_cap=8192, output_default=8192, takes_web_urls=False)),
    (
        r"gemini",
        Family(
            output_cap=8192,
            output_default=8192,
            takes_json_schema=False,
            takes_web_urls=False,
            safety_off="BLOCK_NONE",
        ),
    ),
    (
        r"gemma",
        Family(
            output_cap=8192,
            output_default=8192,
            takes_json_schema=False,
            takes_json_mode=False,
            takes_system=False,
            takes_web_urls=False,
        ),
    ),
)
_UNKNOWN = Family(output_default=8192)
_TABLE = tuple((re.compile(pattern), family) for pattern, family in _FAMILIES)


@lru_cache(maxsize=256)
def family_of(model: str) -> Family:
    """Find a model's family by its name; the first pattern in it counts."""
    name = model.lower()
    found = (family for pattern, family in _TABLE if pattern.search(name))
    return next(found, _UNKNOWN)
