"""An upload on its way in: a form with files, read and put away piece by piece.

Only routes that say so take uploads, and only forms are spooled: a JSON body of such a route is
collected in memory like every other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from headgate.base.failure import Failure, FailureKind, RelayError
from headgate.edge.body import Budget
from headgate.edge.limits import Limits
from headgate.edge.multipart import FormReader, boundary_of, is_form
from headgate.edge.spool import Spool
from headgate.relay.form import Form


class Upload:
    """One form. Whoever has it closes it when its request is over."""

    def __init__(self, boundary: bytes, spool: Spool) -> None:
        self._spool = spool
        self._reader = FormReader(boundary, spool)

    def feed(self, data: bytes) -> None:
        """Take the next piece. Errors: RelayError."""
        self._reader.feed(data)

    def form(self) -> Form:
        """Give the complete form. Errors: RelayError INVALID_REQUEST when its end is missing."""
        return self._reader.form()

    def close(self) -> None:
        """Throw away what was put away."""
        self._spool.close()


def begin_upload(
    fields: Mapping[bytes, bytes], limits: Limits, claim: Callable[[int], None], disk: Budget
) -> Upload | None:
    """Start on an upload; None if the headers announce an ordinary body.

    `claim` is told of memory taken. Errors: RelayError INVALID_REQUEST, UNSUPPORTED_MEDIA.
    """
    content_type = fields.get(b"content-type")
    if content_type is None or not is_form(content_type):
        return None
    if fields.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise RelayError(
            Failure(
                kind=FailureKind.UNSUPPORTED_MEDIA,
                message="A form with files must be sent without a Content-Encoding.",
            )
        )
    boundary = boundary_of(content_type)
    return Upload(boundary, Spool(limits.upload_memory_bytes, claim, disk))
