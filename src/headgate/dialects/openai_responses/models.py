"""What can be known of a model by its name: does it think?

Source: developers.openai.com/api/docs/models; models that do not think refuse `reasoning` and the
wish for encrypted reasoning.
"""

from __future__ import annotations

import re

NAME = "openai_responses"

_NO_THINKER = re.compile(
    r"(^|[/:.])(gpt-3|gpt-4|chatgpt-4o|gpt-5(\.\d+)?-chat)|non-reasoning", re.IGNORECASE
)


def thinks(model: str) -> bool:
    """Tell whether a model may think. Unknown ones may: new models do."""
    return _NO_THINKER.search(model) is None
