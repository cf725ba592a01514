"""The network is closed to unit tests, and open to loopback alone where it is the subject."""

from __future__ import annotations

import asyncio
import socket

import pytest
from pytest_socket import SocketBlockedError, SocketConnectBlockedError

from tests.conftest import LOOPBACK

# The plugin warns before it raises, and a warning is an error already.
warned_about = pytest.mark.filterwarnings("ignore:A test tried to use socket")

RESERVED_FOR_DOCS = ("192.0.2.1", 80)  # RFC 5737: an address that belongs to nobody


@warned_about
def test_a_unit_test_cannot_open_a_network_socket() -> None:
    with pytest.raises(SocketBlockedError):
        socket.socket(socket.AF_INET)


async def test_an_event_loop_runs_without_a_network() -> None:
    assert await asyncio.wait_for(asyncio.to_thread(int, "7"), timeout=5) == 7


@pytest.mark.allow_hosts(LOOPBACK)
async def test_a_networked_test_reaches_its_own_server() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()


@warned_about
@pytest.mark.allow_hosts(LOOPBACK)
def test_a_networked_test_reaches_nothing_but_loopback() -> None:
    with socket.socket() as outward, pytest.raises(SocketConnectBlockedError):
        outward.connect(RESERVED_FOR_DOCS)
