"""A caller's request, complete: what a handler gets."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headgate.edge.upload import Upload


class Request(msgspec.Struct, kw_only=True, eq=False):
    """One request, read to its end.

    Shape: `path` and `query` are raw percent-encoded ASCII; `params` holds the decoded parts of
    the path that its route names; `headers` keeps the caller's order, names in lower case.
    Units: `received_s` is the monotonic time at which the last byte was here.
    """

    method: str
    path: str
    query: str
    params: Mapping[str, str]
    headers: list[tuple[bytes, bytes]]
    fields: dict[bytes, bytes]  # the first value of each header
    client_ip: str
    body: bytes
    received_s: float
    request_id: str
    upload: Upload | None = None  # a form with files, instead of `body`

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header; `name` in lower case."""
        return self.fields.get(name)
