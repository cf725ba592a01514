from __future__ import annotations

from headgate.dialects.openai_responses.events import EventWriter


def test_events_are_named_and_counted() -> None:
    events = EventWriter()
    assert (
        events.write("x", {"a": 1}) == b'event: x\ndata: {"type":"x","sequence_number":0,"a":1}\n\n'
    )
    assert events.item("done", 2, b'{"id":"i"}') == (
        b"event: response.output_item.done\n"
        b'data: {"type":"response.output_item.done","sequence_number":1,'
        b'"output_index":2,"item":{"id":"i"}}\n\n'
    )
    assert events.response("created", b"{}").endswith(b'"sequence_number":2,"response":{}}\n\n')
    assert events.next() == 3


def test_deltas_are_counted_among_the_others() -> None:
    events = EventWriter()
    delta = events.delta("d", {"item_id": "i"}, b',"logprobs":[]}')
    assert delta.write('a"') == (
        b"event: d\n"
        b'data: {"type":"d","sequence_number":0,"item_id":"i","delta":"a\\"","logprobs":[]}\n\n'
    )
    events.write("x", {"a": 1})
    assert b'"sequence_number":2' in delta.write("b")
