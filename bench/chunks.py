"""`python -m bench.chunks`: what a streamed chunk and a large request cost, without any socket.

CPU time alone, of one process, the best of some rounds: other programs make it longer, never
shorter. The whole gateway is measured by `python -m bench`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from time import process_time

from msgspec import Struct, json

from bench.frames import REQUESTS, STREAMS
from headgate.base.clock import Clock, SystemClock
from headgate.dialects.bridge import DIALECTS, WIRES
from headgate.dialects.dialect import ReplyContext
from headgate.dialects.fields import legible
from headgate.edge.json_body import decode_fields
from headgate.providers.provider import Operation, Provider
from headgate.relay.call import Call
from headgate.relay.lane import PassThrough, StreamLane, Translated
from headgate.relay.remembering import Memory, Stores
from headgate.relay.renaming import Renaming
from headgate.relay.upstream_body import same_dialect_body
from headgate.routing.failover import Attempt
from headgate.snapshot.facts import Channel, Credential, LossPolicy, Offer, Timeouts

SAME_US = 10.0  # the targets, per chunk ...
OTHER_US = 40.0
REQUEST_US = 1000.0  # ... and per request of a megabyte
DOORS = tuple(REQUESTS)
SEGMENT_BYTES = 1400  # what one packet carries: the usual piece when an upstream is in a hurry


class Cell(Struct, frozen=True):
    """One figure, and what it should not exceed. Units: microseconds of CPU."""

    us: float
    target_us: float

    def __str__(self) -> str:
        return f"{self.us:.1f}" + (" !" if self.us > self.target_us else "")


class Table(Struct, frozen=True):
    """Figures by row and column."""

    title: str
    columns: tuple[str, ...]
    rows: dict[str, list[Cell]]

    def text(self) -> str:
        """Write it as Markdown."""
        head = [f"| {self.title} | {' | '.join(self.columns)} |"]
        head.append("|---" * (len(self.columns) + 1) + "|")
        rows = (f"| {name} | {' | '.join(map(str, row))} |" for name, row in self.rows.items())
        return "\n".join([*head, *rows])


def best_s(make: Callable[[], Callable[[], object]], rounds: int) -> float:
    """Time the fastest of some rounds; what `make` prepares does not count."""
    times = []
    for _ in range(rounds):
        work = make()
        began_s = process_time()
        work()
        times.append(process_time() - began_s)
    return min(times)


# ------------------------------------------------------------------ chunks


def lane(wire: str, door: str) -> StreamLane:
    """Open a lane as the relay does, for a channel whose model has another name."""
    if wire == door:
        dialect = DIALECTS[door]
        renaming = Renaming(dialect, "alias")
        return PassThrough(dialect, "r1", show_usage=True, renaming=renaming)
    context = ReplyContext(model="alias", reply_id="r1", created=1, include_usage=True)
    return Translated(WIRES[wire], DIALECTS[door], context, "alias")


def pieces_of(frames: Sequence[bytes], size: int) -> list[bytes]:
    """Cut a stream as the network does: frame by frame (0), or packet by packet."""
    if not size:
        return list(frames)
    data = b"".join(frames)
    return [data[start : start + size] for start in range(0, len(data), size)]


def chunk_us(wire: str, door: str, chunks: int, size: int, rounds: int) -> float:
    """Measure one pair."""
    pieces = pieces_of(STREAMS[wire](chunks), size)

    def make() -> Callable[[], None]:
        opened = lane(wire, door)

        def work() -> None:
            for piece in pieces:
                opened.feed(piece)
            opened.end()
            if opened.failure is not None:
                raise ValueError(f"{wire} to {door}: {opened.failure.message}")

        return work

    return best_s(make, rounds) / chunks * 1e6


def chunk_table(title: str, chunks: int, size: int, rounds: int) -> Table:
    """Measure every pair of wire and door."""
    rows = {
        wire: [
            Cell(chunk_us(wire, door, chunks, size, rounds), SAME_US if wire == door else OTHER_US)
            for door in DOORS
        ]
        for wire in STREAMS
    }
    return Table(title, DOORS, rows)


# ------------------------------------------------------------------ requests


def offer_for(dialect: str) -> Offer:
    """Make the route of a request that passes through; the provider has no quirks."""
    channel = Channel(
        name="c",
        provider=Provider(name="p"),
        engine="e",
        endpoints={},
        credentials=(),
        models={},
    )
    return Offer(channel=channel, alias="alias", model="upstream-model", timeouts=Timeouts())


def memory_of(clock: Clock) -> Memory:
    """Give a key that has stored a file, so that its requests are searched for files."""
    stores = Stores()
    attempt = Attempt(offer=offer_for("openai_chat"), credential=Credential(label="k1", secret="s"))
    stores.pins.remember("k", "file-abc123DEF456", attempt, clock.monotonic_s(), "files")
    return Memory("k", stores, clock)


def passed_through(dialect: str, body: bytes, memory: Memory, offer: Offer) -> bytes:
    """Take a request from the caller's bytes to the upstream's, as the edge and the relay do."""
    fields = decode_fields(body)
    call = Call(
        request_id="r1",
        operation=Operation.CHAT,
        dialect=dialect,
        path="/",
        model="alias",
        fields=fields,
        body=body,
        headers=[],
        received_s=0.0,
    )
    call, _ = memory.resumed(call)
    if any(seal in legible(call.body) for seal in DIALECTS[dialect].seals):
        raise ValueError("the request holds a seal")
    return same_dialect_body(call, offer, dialect, False, LossPolicy.REPORT).data


def request_table(size: int, rounds: int) -> Table:
    """Measure a request with images in every dialect, written compactly and with blanks."""
    memory = memory_of(SystemClock())

    def measured(dialect: str, body: bytes) -> Cell:
        offer = offer_for(dialect)
        us = best_s(lambda: lambda: passed_through(dialect, body, memory, offer), rounds) * 1e6
        return Cell(us, REQUEST_US)

    rows: dict[str, list[Cell]] = {"compact": [], "with blanks": []}
    for dialect, write in REQUESTS.items():
        compact = write(size)
        rows["compact"].append(measured(dialect, compact))
        rows["with blanks"].append(measured(dialect, json.format(compact, indent=2)))
    return Table(f"request of {size:,} bytes, us", DOORS, rows)


def tables(chunks: int, rounds: int, size: int) -> Iterator[Table]:
    """Measure everything."""
    yield chunk_table("a chunk in a read, us", chunks, 0, rounds)
    yield chunk_table("chunks by the packet, us", chunks, SEGMENT_BYTES, rounds)
    yield request_table(size, rounds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; an exclamation mark stands behind what misses its target."""
    parser = argparse.ArgumentParser(prog="python -m bench.chunks", description=__doc__)
    parser.add_argument("--chunks", type=int, default=1000, help="of each stream")
    parser.add_argument("--rounds", type=int, default=15, help="the fastest of so many counts")
    parser.add_argument("--bytes", type=int, default=1_000_000, help="of each request")
    options = parser.parse_args(arguments)
    for table in tables(options.chunks, options.rounds, options.bytes):
        print(table.text(), end="\n\n")
    print(
        f"Targets: {SAME_US:g} us per chunk in the same dialect, {OTHER_US:g} us in another, "
        f"{REQUEST_US:g} us per request. `!`: missed."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
