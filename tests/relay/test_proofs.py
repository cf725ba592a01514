"""Proofs come back to the dialect that made them, for the key that asked, and to nobody else."""

import pytest

from headgate.ir.request import ChatRequest, Part, Signature, Text, Thinking, ToolCall, Turn
from headgate.relay.proofs import Proofs

ANTHROPIC = Signature("anthropic", "sig")
THOUGHT = Thinking(text="hm", signature=ANTHROPIC)
HIDDEN = Thinking(redacted=True, signature=Signature("anthropic", "sealed"))
CALL = ToolCall(call_id="toolu_1", name="f", arguments='{"a": 1, "b": 2}')
REPLY: tuple[Part, ...] = (THOUGHT, HIDDEN, Text(text="so "), CALL)
# The same as a client without a place for thoughts gives it back.
BARE = (Text(text="so"), ToolCall(call_id="other", name="f", arguments='{"b":2,"a":1}'))


def known(*parts: Part, most_bytes: int = 1_000_000) -> Proofs:
    proofs = Proofs(most_bytes)
    proofs.remember("k", "anthropic", parts or REPLY, 0.0)
    return proofs


def asked(
    proofs: Proofs,
    *turns: tuple[Part, ...],
    owner: str = "k",
    origin: str = "anthropic",
    now_s: float = 1.0,
) -> list[tuple[Part, ...]]:
    said = tuple(Turn(role="assistant", parts=parts) for parts in turns)
    user = Turn(role="user", parts=(Text(text="hi"),))
    request = ChatRequest(model="m", turns=(user, *said, user))
    restored = proofs.restored(owner, origin, request, now_s)
    return [turn.parts for turn in restored.turns[1:-1]]


def test_thoughts_come_back_in_front_of_what_was_said() -> None:
    assert asked(known(), BARE) == [(THOUGHT, HIDDEN, *BARE)]


def test_reply_spread_over_several_turns_is_known_too() -> None:
    assert asked(known(), BARE[:1], BARE[1:]) == [(THOUGHT, HIDDEN, BARE[0]), BARE[1:]]


def test_unsigned_thoughts_make_way_for_the_signed_ones() -> None:
    assert asked(known(), (Thinking(text="hm"), *BARE)) == [(THOUGHT, HIDDEN, *BARE)]


def test_client_that_gives_them_back_itself_is_left_alone() -> None:
    mine = (Thinking(text="hm", signature=ANTHROPIC), HIDDEN, *BARE)
    assert asked(known(), mine) == [mine]


def test_client_that_gives_some_back_gets_the_others_added() -> None:
    some = (Thinking(text="hm", signature=ANTHROPIC), *BARE)
    assert asked(known(), some) == [(THOUGHT, HIDDEN, *BARE)]


def test_proofs_of_another_reply_with_the_same_words_are_left_alone() -> None:
    other = (Thinking(text="ah", signature=Signature("anthropic", "other")), *BARE)
    assert asked(known(), other) == [other]


def test_what_a_vendor_signed_in_its_own_name_comes_back_with_claudes() -> None:
    own = Thinking(redacted=True, signature=Signature("bedrock_converse", "sealed"))
    proofs = known(THOUGHT, own, *BARE)
    # A client whose dialect knows Claude's proofs alone.
    unknown = Thinking(redacted=True, signature=Signature("openai_chat", "{}"))
    assert asked(proofs, (THOUGHT, unknown, *BARE)) == [(THOUGHT, own, *BARE)]


@pytest.mark.parametrize(
    "change", [{"owner": "someone else"}, {"origin": "gemini"}, {"now_s": 1e9}]
)
def test_nobody_else_gets_them(change: dict[str, str]) -> None:
    assert asked(known(), BARE, **change) == [BARE]  # type: ignore[arg-type] # one is a time


def test_other_words_are_another_reply() -> None:
    other = (Text(text="else"), BARE[1])
    assert asked(known(), other) == [other]


def test_proofs_on_calls_and_texts_come_back_in_their_order() -> None:
    first, second = Signature("gemini", "1"), Signature("gemini", "2")
    said: tuple[Part, ...] = (
        Text(text="so", signature=first),
        ToolCall(call_id="a", name="f", signature=second),
        ToolCall(call_id="b", name="g"),
    )
    proofs = Proofs()
    proofs.remember("k", "gemini", said, 0.0)
    bare: tuple[Part, ...] = (
        Text(text="so"),
        ToolCall(call_id="x", name="f"),
        ToolCall(call_id="y", name="g"),
    )
    (restored,) = asked(proofs, bare, origin="gemini")
    proofs_on = [part.signature for part in restored if isinstance(part, Text | ToolCall)]
    assert proofs_on == [first, second, None]


def test_reply_that_proves_nothing_is_not_kept() -> None:
    proofs = known(Text(text="so"), CALL)
    assert asked(proofs, BARE) == [BARE]


def test_the_oldest_make_room() -> None:
    proofs = known(most_bytes=1_500)
    for number in range(3):
        proofs.remember("k", "anthropic", (THOUGHT, Text(text=f"{number}")), 0.0)
    assert asked(proofs, BARE) == [BARE]
    last = (Text(text="2"),)
    assert asked(proofs, last) == [(THOUGHT, *last)]


def test_what_is_larger_than_the_whole_store_is_not_kept() -> None:
    proofs = known(most_bytes=100)
    assert asked(proofs, BARE) == [BARE]
