"""What Cohere's models can do, told by their names.

Source: docs.cohere.com/docs/models, /docs/reasoning.
"""

from __future__ import annotations

import re

NAME = "cohere"

# Those that never think. Newer ones do, so a name that is not known is taken for one of them.
_PLAIN = re.compile(
    r"(?:^|/)(?:c4ai-)?(?:aya|command-r|command-a-(?:03|vision|translate)"
    r"|command(?:-light|-nightly)?$)"
)


def thinks(model: str) -> bool:
    """Tell whether a model takes `thinking`, and its own thoughts back."""
    return _PLAIN.search(model.lower()) is None
