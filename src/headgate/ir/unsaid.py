"""Options of a request that a wire has no word for: naming those that were really asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from headgate.ir.loss import Losses
from headgate.ir.request import ChatRequest

# Beside nothing at all, the values that ask for what happens anyway.
_CHANGES_NOTHING: dict[str, tuple[object, ...]] = {
    "n": (1,),
    "min_p": (0,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "modalities": (("text",),),
    "service_tier": ("auto", "default"),
    "store": (False,),
}
_NOTHING: tuple[object, ...] = (None, "", (), {})


def drop_unsaid(
    request: ChatRequest, names: Iterable[str], losses: Losses, notes: Mapping[str, str] = {}
) -> None:
    """Name those of the options that were asked for; a value that changes nothing is no loss.

    `cache_control` is the mark for the whole request.
    """
    for name in names:
        value = request.cache if name == "cache_control" else getattr(request, name)
        if value not in _NOTHING and value not in _CHANGES_NOTHING.get(name, ()):
            losses.dropped(name, notes.get(name, ""))
