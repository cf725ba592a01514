from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headgate.sources.environment import EnvironmentSettings
from headgate.sources.origin import FileSource, SourceError, UrlSource, find_source
from headgate.sources.yaml_tree import MAX_BYTES

LOOPBACK = pytest.mark.allow_hosts(["127.0.0.1"])


class Site:
    """A server of one document that honours ETags and notes the requests it gets."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.head = "HTTP/1.1 200 OK\r\netag: v1\r\n"
        self.body = b"a: 1"
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://user:secret@127.0.0.1:{self.port}/api.yaml?token=secret"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        self.requests.append(request)
        head, body = self.head, self.body
        if "if-none-match: v1" in request and "etag: v1" in head:
            head, body = "HTTP/1.1 304 Not Modified\r\n", b""
        tail = f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write((head + tail).encode() + body)
        await writer.drain()
        writer.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    found = Site()
    server = await asyncio.start_server(found.answer, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


async def test_a_file_is_given_once_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_bytes(b"a: 1")
    source = FileSource(path)
    assert await source.poll() == b"a: 1"
    assert await source.poll() is None


async def test_a_change_counts_once_it_has_settled(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_bytes(b"a: 1")
    source = FileSource(path)
    await source.poll()
    path.write_bytes(b"a: 12")
    assert await source.poll() is None
    path.write_bytes(b"a: 123")
    assert await source.poll() is None
    assert await source.poll() == b"a: 123"
    assert await source.poll() is None


async def test_a_file_that_is_replaced_by_one_of_equal_size_and_time_is_seen(
    tmp_path: Path,
) -> None:
    path, other = tmp_path / "api.yaml", tmp_path / "new.yaml"
    path.write_bytes(b"a: 1")
    source = FileSource(path)
    await source.poll()
    other.write_bytes(b"a: 2")
    found = path.stat()
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    other.replace(path)
    await source.poll()
    assert await source.poll() == b"a: 2"


async def test_a_missing_file_is_an_error_in_words_and_may_come_back(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    source = FileSource(path)
    with pytest.raises(SourceError, match=r"api\.yaml: no such file or directory"):
        await source.poll()
    path.write_bytes(b"a: 1")
    assert await source.poll() == b"a: 1"


@LOOPBACK
async def test_a_url_is_fetched_and_its_etag_sent_back(site: Site) -> None:
    source = UrlSource(f"http://127.0.0.1:{site.port}/api.yaml", 30.0)
    assert await source.poll() == b"a: 1"
    assert await source.poll() is None
    assert "if-none-match: v1" in site.requests[1]
    site.head, site.body = "HTTP/1.1 200 OK\r\netag: v2\r\n", b"a: 2"
    assert await source.poll() == b"a: 2"


@LOOPBACK
async def test_an_unchanged_document_without_an_etag_is_not_given_twice(site: Site) -> None:
    site.head = "HTTP/1.1 200 OK\r\n"
    source = UrlSource(f"http://127.0.0.1:{site.port}/", 30.0)
    assert await source.poll() == b"a: 1"
    assert await source.poll() is None


@LOOPBACK
async def test_a_refusal_is_an_error_without_the_urls_secrets(site: Site) -> None:
    site.head = "HTTP/1.1 503 Busy\r\n"
    source = UrlSource(f"http://127.0.0.1:{site.port}/api.yaml?token=secret", 30.0)
    with pytest.raises(SourceError) as caught:
        await source.poll()
    expected = f"http://127.0.0.1:{site.port}/api.yaml: the server answered 503"
    assert str(caught.value) == expected


@LOOPBACK
async def test_a_document_without_end_is_cut_and_then_refused_by_its_size(site: Site) -> None:
    site.body = b"#" * (MAX_BYTES + 200_000)
    data = await UrlSource(f"http://127.0.0.1:{site.port}/", 30.0).poll()
    assert data is not None
    assert MAX_BYTES < len(data) < len(site.body)


@LOOPBACK
async def test_nobody_listening_is_an_error_in_words() -> None:
    with pytest.raises(SourceError, match="cannot be fetched"):
        await UrlSource("http://127.0.0.1:1/api.yaml", 30.0).poll()


def test_a_urls_user_password_and_query_stay_out_of_places() -> None:
    assert UrlSource("https://u:p@h:1/a.yaml?token=x", 30.0).name == "https://h:1/a.yaml"


def test_the_command_line_wins(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text("a: 1")
    found = find_source("other.yaml", EnvironmentSettings(), tmp_path)
    assert found.name == str(tmp_path / "other.yaml")


def test_the_file_wins_over_config_url(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text("a: 1")
    settings = EnvironmentSettings(config_url="https://h/c.yaml")
    assert find_source(None, settings, tmp_path).name == str(tmp_path / "api.yaml")


@pytest.mark.parametrize("content", [None, ""])
def test_config_url_counts_where_the_file_is_missing_or_empty(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "api.yaml").write_text(content)
    settings = EnvironmentSettings(config_url="https://h/c.yaml", config_poll_s=7.0)
    found = find_source(None, settings, tmp_path)
    assert (found.name, found.interval_s) == ("https://h/c.yaml", 7.0)


@pytest.mark.parametrize("written", ["{path}", "file://{path}"])
def test_config_url_may_be_a_path(tmp_path: Path, written: str) -> None:
    path = tmp_path / "my conf.yaml"
    url = written.format(path=path).replace(" ", "%20" if "file:" in written else " ")
    found = find_source(None, EnvironmentSettings(config_url=url), tmp_path)
    assert (found.name, found.interval_s) == (str(path), 0.5)


def test_nothing_at_all_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no api\.yaml here and CONFIG_URL is not set"):
        find_source(None, EnvironmentSettings(), tmp_path)


def test_a_file_that_is_empty_or_a_folder_is_not_called_absent(tmp_path: Path) -> None:
    # Docker makes a folder of a file that is mounted but not there.
    (tmp_path / "api.yaml").mkdir()
    (tmp_path / "empty.yaml").touch()
    for name in ("", "empty.yaml"):
        found = find_source(None, EnvironmentSettings(config_path=name), tmp_path)
        assert found.name == str(tmp_path / (name or "api.yaml"))


def test_a_file_that_is_absent_is_named_as_it_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no conf/my\.yaml here"):
        find_source(None, EnvironmentSettings(config_path="conf/my.yaml"), tmp_path)
