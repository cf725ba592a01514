"""Where the bytes of a configuration come from: a file or a URL. Both are polled, never written.

Source: `uni-api.md` 1.1 (the file wins over CONFIG_URL, which may also be a path).
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from headgate import __version__
from headgate.sources.environment import EnvironmentSettings
from headgate.sources.yaml_tree import MAX_BYTES

T = TypeVar("T")

FILE_POLL_S = 0.5
_URL_TIMEOUT_S = 15.0  # for each wait on the network
_URL_TOTAL_S = 60.0
_CHUNK_BYTES = 64 * 1024
_DEFAULT_FILE = "api.yaml"


class SourceError(Exception):
    """The configuration cannot be had. The message is for the operator, without secrets."""


class Source(Protocol):
    """Something that can be asked again and again whether the configuration has changed."""

    @property
    def name(self) -> str:
        """How places begin ("api.yaml"), without secrets."""

    @property
    def interval_s(self) -> float:
        """How long to wait between two polls."""

    async def poll(self) -> bytes | None:
        """Give the content if it is new since the last poll. Errors: `SourceError`."""


class FileSource:
    """A file. A change counts once two polls have seen the same state: it may be half written."""

    interval_s = FILE_POLL_S

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self._read: tuple[int, int, int] | None = None
        self._seen: tuple[int, int, int] | None = None

    async def poll(self) -> bytes | None:
        return await asyncio.to_thread(self._poll)

    def _poll(self) -> bytes | None:
        try:
            found = self._path.stat()
            state = (found.st_mtime_ns, found.st_ino, found.st_size)
            is_first, is_settled = self._seen is None, state == self._seen
            self._seen = state
            if state == self._read or not (is_first or is_settled):
                return None
            with self._path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            reason = (error.strerror or "it cannot be read").lower()
            raise SourceError(f"{self.name}: {reason}") from None
        self._read = state
        return data


class UrlSource:
    """An http(s) URL. An ETag is sent back, so that an unchanged document is not sent again."""

    def __init__(self, url: str, interval_s: float) -> None:
        self.name = _without_secrets(url)
        self.interval_s = interval_s
        self._url = url
        self._etag: str | None = None
        self._read: bytes | None = None

    async def poll(self) -> bytes | None:
        return await _in_daemon(self._poll)

    def _poll(self) -> bytes | None:
        headers = {"user-agent": f"headgate/{__version__}"}
        if self._etag:
            headers["if-none-match"] = self._etag
        request = urllib.request.Request(self._url, headers=headers)  # noqa: S310 - http(s): find_source
        try:
            with urllib.request.urlopen(request, timeout=_URL_TIMEOUT_S) as answer:  # noqa: S310 - as above
                data = _bounded(answer)
                self._etag = answer.headers.get("etag")
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == http.HTTPStatus.NOT_MODIFIED:
                return None
            raise SourceError(f"{self.name}: the server answered {error.code}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise SourceError(f"{self.name}: cannot be fetched ({reason})") from None
        if data == self._read:
            return None
        self._read = data
        return data


def find_source(wanted: str | None, settings: EnvironmentSettings, folder: Path) -> Source:
    """Choose the source: what the command line names, else the file, else CONFIG_URL.

    Errors: `SourceError` when there is none of them.
    """
    if wanted:
        return _source(wanted, settings, folder)
    name = settings.config_path or _DEFAULT_FILE
    path = folder / name
    if path.is_file() and path.stat().st_size > 0:
        return FileSource(path)
    if settings.config_url:
        return _source(settings.config_url, settings, folder)
    if path.exists():  # empty, or a folder: reading it says so
        return FileSource(path)
    raise SourceError(
        f"there is no {name} here and CONFIG_URL is not set: write one, or name one with --config"
    )


def _source(wanted: str, settings: EnvironmentSettings, folder: Path) -> Source:
    parts = urlsplit(wanted)
    if parts.scheme in {"http", "https"}:
        return UrlSource(wanted, settings.config_poll_s)
    return FileSource(folder / (unquote(parts.path) if parts.scheme == "file" else wanted))


def _without_secrets(url: str) -> str:
    """Take user, password and query out of a URL: they are often tokens."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _bounded(answer: http.client.HTTPResponse) -> bytes:
    deadline_s = time.monotonic() + _URL_TOTAL_S
    pieces: list[bytes] = []
    size = 0
    while size <= MAX_BYTES and (piece := answer.read(_CHUNK_BYTES)):
        if time.monotonic() > deadline_s:
            raise TimeoutError("too slow")
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


async def _in_daemon(work: Callable[[], T]) -> T:
    """Run blocking work in a thread that never holds up the end of the program."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: SourceError | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    def run() -> None:
        result: T | None = None
        error: SourceError | None = SourceError("the fetch broke down; its traceback is in the log")
        try:
            result, error = work(), None
        except SourceError as problem:
            error = problem
        finally:
            with contextlib.suppress(RuntimeError):  # the loop may have closed meanwhile
                loop.call_soon_threadsafe(finish, result, error)

    threading.Thread(target=run, name="config-url", daemon=True).start()
    return await done
