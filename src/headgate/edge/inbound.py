"""From a caller's bytes to complete requests, each bounded in size and judged before it is read.

The lower half of the connection: it parses, and leaves to the upper half (`protocol.py`) what to
do with a request, a refusal, or a message that is late.
Source: reliability.md 2.1, rows F-C6, F-C7, F-C10, F-C17 to F-C23.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from enum import IntEnum
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from headgate.base.failure import Failure, RelayError
from headgate.edge.body import Collector, too_large
from headgate.edge.head import (
    Head,
    bad_request,
    check_host,
    is_chunked,
    unique_fields,
    wants_continue,
)
from headgate.edge.responder import Duct
from headgate.edge.routes import Match
from headgate.edge.shared import Shared
from headgate.edge.upgrade import is_websocket, socket_match
from headgate.edge.upload import begin_upload
from headgate.edge.watch import Watch

# So much is parsed in one go: what is pipelined behind a request is looked at no further ahead.
_PIECE = 8 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Who sends more than this must show a key first.
_LARGE_BODY = 64 * 1024
# Chunk sizes, extensions and trailers: so much, and as much again as the body itself.
_FRAMING_ALLOWANCE = 64 * 1024


class Reading(IntEnum):
    """How far the message on the wire has come."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class _EnoughError(Exception):
    """Stops the parser: nothing more is wanted from this caller."""


class Inbound(HttpToolsProtocol):
    """Reads one message after the other.

    `_answering` says that a request is being answered, and `_shut` that it is complete, so that
    what comes now is another's and is held. `_last` wants no request behind the one that was
    read; `_deaf` reads nothing more at all.
    """

    _head: Head  # of the message whose body is being read

    def __init__(
        self,
        shared: Shared,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._shared = shared
        self._limits = shared.limits
        self._watch = Watch(loop, self._on_due)
        self._answering = False
        self._shut = False
        self._last = False
        self._deaf = False
        self._held = bytearray()
        self.url = b""
        self.headers = []
        self._match: Match | None = None  # None: the ASGI app answers
        self._body = Collector(shared.budget)
        self._reading = Reading.NOTHING
        self._phase_bytes = 0  # read of the head, or else of the body, framing included
        self._phase_since_s = 0.0
        self._problem: Failure | None = None  # why a parser callback stopped the parser
        self._upgrading = False
        self._duct: Duct | None = None  # another protocol's: nothing is HTTP any more

    # ------------------------------------------------------------------ the upper half

    @abstractmethod
    def _take(self, head: Head, match: Match, body: bytes) -> None:
        """Answer a complete request, at once or in its turn."""

    @abstractmethod
    def _hand_to_app(self, head: Head) -> None:
        """Let the ASGI app answer the request whose head this is; its body follows."""

    @abstractmethod
    def _refuse(self, failure: Failure) -> None:
        """Answer with a failure, in its turn, and read nothing more."""

    @abstractmethod
    def _make_last(self) -> None:
        """Close behind the answer under way, whatever the caller wishes."""

    @abstractmethod
    def _on_due(self) -> None:
        """The deadline has passed."""

    # ------------------------------------------------------------------ bytes

    def data_received(self, data: bytes) -> None:
        if self._duct is not None:
            self._duct.feed(data)
            return
        if self._deaf:
            return
        if self._shut or len(data) > _PIECE:
            self._feed(data)
            return
        self._parse(data)
        if self._reading:
            self._await_more(len(data))

    def _feed(self, data: bytes) -> None:
        """Parse piece by piece, and hold what comes before its turn."""
        view = memoryview(data)
        while view and not self._deaf:
            if self._shut:
                self._hold(view)
                return
            size = _PIECE
            if self._reading is Reading.BODY:
                size = max(size, self._head.length - self._body.size)
            piece, view = view[:size], view[size:]
            self._parse(piece)
            if self._reading:
                self._await_more(len(piece))

    def _hold(self, data: memoryview) -> None:
        self._held += data
        if len(self._held) > self._limits.held_bytes:
            self.flow.pause_reading()

    def _feed_held(self) -> None:
        held, self._held = bytes(self._held), bytearray()
        self.flow.resume_reading()
        self._feed(held)

    def _parse(self, data: bytes | memoryview) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(bytes(data[upgrade.args[0] :]))
        except httptools.HttpParserError as error:
            if self._problem is not None:
                self._refuse(self._problem)
            elif self._last:
                self._deaf = True
            elif isinstance(error, httptools.HttpParserCallbackError):
                self.transport.abort()
                raise  # ours: a defect, for the loop's exception handler to report
            else:
                self._refuse(bad_request(f"The request is not valid HTTP: {error}.").failure)

    def _upgrade(self, rest: bytes) -> None:
        """Answer a WebSocket's handshake as a request of its own; what follows it is no HTTP."""
        method: bytes = self.parser.get_method()
        if not is_websocket(method, self.headers):
            self._ignore_upgrade(rest)
            return
        try:
            match = socket_match(self._shared.site, self.url, self.headers)
        except RelayError as error:
            self._refuse(error.failure)
            return
        self._upgrading = False
        self._reading = Reading.NOTHING
        head = Head(
            method=method,
            headers=self.headers,
            fields=unique_fields(self.headers),
            keep_alive=False,
            http_1_0=False,
            length=0,
            wants_continue=False,
        )
        self._last = True  # the parser is done for
        self._take(head, match, b"")
        self._hold(memoryview(rest))

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Read the request again as if it asked for no upgrade (F-C19, F-C23).

        llhttp would leave the body unread and take it for the next request. Java's client, for
        one, asks for h2c with every first POST.
        """
        lines = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        method = self.parser.get_method()
        head = b"%b %b HTTP/1.1\r\n%b\r\n" % (method, self.url, b"".join(lines))
        self._upgrading = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._parse(head + rest)

    def _await_more(self, size: int) -> None:
        """A message is incomplete: see that it stays within its size, and comes in time."""
        limits = self._limits
        self._phase_bytes += size
        if self._reading is Reading.HEAD:
            if self._phase_bytes > limits.header_bytes or len(self.headers) > limits.header_count:
                self._refuse(_header_too_large(limits.header_bytes, limits.header_count).failure)
            elif self._phase_bytes == size and not self._shut:
                self._watch.due_in(limits.header_timeout_s)
            return
        allowed_bytes = _FRAMING_ALLOWANCE + 2 * self._body.size
        if self._phase_bytes > allowed_bytes or len(self.headers) > limits.header_count:
            self._refuse(bad_request("The chunked body has too much around its content.").failure)
        elif not self._shut:
            now_s = self.loop.time()
            if self._phase_bytes == size:
                self._phase_since_s = now_s
            earned_s = self._body.size / limits.body_floor_bytes_per_s
            until_s = self._phase_since_s + max(limits.body_floor_after_s, earned_s)
            self._watch.due_in(min(limits.body_idle_s, until_s - now_s))

    # ------------------------------------------------------------------ parser callbacks

    def on_message_begin(self) -> None:
        if self._last:
            raise _EnoughError
        self.url = b""
        self.headers = []
        self._match = None
        self._reading = Reading.HEAD
        self._phase_bytes = 0

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > self._limits.url_bytes:
            message = f"The request target is longer than {self._limits.url_bytes:,} bytes."
            self._problem = bad_request(message, 414).failure
            raise _EnoughError

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        try:
            head = self._accept_head()
        except RelayError as error:
            self._problem = error.failure
            raise
        if head is None:
            return
        self._head = head
        self._reading = Reading.BODY
        self._phase_bytes = 0
        if self._match is None:
            if self._answering:
                # Only hot routes are pipelined; the caller may ask the app again.
                self._make_last()
                raise _EnoughError
            self._hand_to_app(head)
        elif head.wants_continue and not self._answering:
            self.transport.write(_CONTINUE)
        self.headers = []  # trailers may follow; they are nobody's

    def on_body(self, body: bytes) -> None:
        for_app = self._match is None
        upload = self._head.upload
        try:
            self._body.add(body, keep=not for_app and upload is None)
            if upload is not None:
                upload.feed(body)
        except RelayError as error:
            self._problem = error.failure
            raise
        if for_app:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._upgrading:
            return
        self._reading = Reading.NOTHING
        if self._match is not None:
            self._take(self._head, self._match, self._body.take())
        else:
            self._shut = True
            super().on_message_complete()

    def _begin_app_cycle(self, head: Head) -> None:
        """Do for the ASGI app what uvicorn's callbacks would have done up to here."""
        url = self.url
        super().on_message_begin()
        self.url = url
        self.headers.extend(head.headers)
        self.expect_100_continue = head.wants_continue
        super().on_headers_complete()

    def _accept_head(self) -> Head | None:
        """Judge the head that was read; None while an upgrade is to be left out of it.

        Errors: `RelayError`; none of them leaves the connection usable.
        """
        headers, parser = self.headers, self.parser
        self._check_header_size()
        fields = unique_fields(headers)
        keep_alive: bool = parser.should_keep_alive()
        # Only HTTP/1.1 keeps a connection without being told to; asking for the version is dear.
        http_1_0 = False
        if not keep_alive or b"connection" in fields:
            http_1_0 = _is_http_1_0(parser.get_http_version())
        check_host(fields.get(b"host"), http_1_0=http_1_0)
        chunked = is_chunked(fields, http_1_0=http_1_0)
        method: bytes = parser.get_method()
        if method == b"CONNECT":
            raise bad_request("This is no proxy: CONNECT is not understood.", 405)
        if b"upgrade" in fields and parser.should_upgrade():
            self._upgrading = True
            return None
        self._match = match = self._shared.site.find(method, self.url, app=self._shared.has_app)
        length = int(fields.get(b"content-length", 0))
        if match is not None and (chunked or length > _LARGE_BODY):
            self._shared.site.glance(fields.get, match.query)
        limit = self._body_limit(match)
        upload = None
        if match is not None and match.route.upload:
            disk = self._shared.disk
            upload = begin_upload(fields, self._limits, self._body.claim, disk)
            limit = limit if upload is None else self._limits.upload_bytes
        if length > limit:
            raise too_large(limit)
        self._body.begin(limit)
        return Head(
            method=method,
            headers=headers,
            fields=fields,
            keep_alive=keep_alive,
            http_1_0=http_1_0,
            length=length,
            wants_continue=wants_continue(fields) and (length > 0 or chunked) and not http_1_0,
            upload=upload,
        )

    def _check_header_size(self) -> None:
        limits, headers = self._limits, self.headers
        if len(headers) <= limits.header_count:
            if self._phase_bytes + _PIECE <= limits.header_bytes:
                return
            if sum(len(name) + len(value) + 4 for name, value in headers) <= limits.header_bytes:
                return
        raise _header_too_large(limits.header_bytes, limits.header_count)

    def _body_limit(self, match: Match | None) -> int:
        """How large the body of such a request may be."""
        if match is not None and match.route.body_limit_bytes is not None:
            return match.route.body_limit_bytes
        return self._limits.body_bytes


def _is_http_1_0(version: str) -> bool:
    if version not in ("1.0", "1.1"):
        raise bad_request("The only versions of HTTP spoken here are 1.1 and 1.0.", 505)
    return version == "1.0"


def _header_too_large(size: int, count: int) -> RelayError:
    return bad_request(f"The header holds more than {size:,} bytes or {count} lines.", 431)
