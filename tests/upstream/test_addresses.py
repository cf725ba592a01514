from __future__ import annotations

import asyncio
import socket

import pytest

from headgate.base.failure import FailureKind, RelayError
from headgate.upstream.addresses import Address, Resolver, is_metadata, look_up


def at(host: str, port: int = 80) -> Address:
    return Address(socket.AF_INET6 if ":" in host else socket.AF_INET, (host, port))


class Names:
    """A resolver of names that answers what the test says, and counts the questions."""

    def __init__(self, *hosts: str, delay_s: float = 0) -> None:
        self.hosts = hosts
        self.delay_s = delay_s
        self.is_down = False
        self.asked = 0

    async def look_up(self, host: str, port: int) -> list[Address]:
        self.asked += 1
        await asyncio.sleep(self.delay_s)
        if self.is_down:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [at(address, port) for address in self.hosts]


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.169.254.",
        "169.254.170.2",
        "168.63.129.16",
        "100.100.100.200",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "metadata.google.internal",
        "metadata.google.internal.",
    ],
)
def test_metadata_services_are_known_in_every_spelling(host: str) -> None:
    assert is_metadata(host)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "8.8.8.8", "::1", "fd00::1", "api.openai.com", "localhost"]
)
def test_private_and_public_hosts_are_the_operators_choice(host: str) -> None:
    assert not is_metadata(host)


async def test_system_is_asked_for_addresses() -> None:
    assert await look_up("127.0.0.1", 81) == [at("127.0.0.1", 81)]


async def test_answer_is_remembered() -> None:
    names = Names("10.0.0.1", "10.0.0.2")
    resolver = Resolver(names.look_up)
    for _ in range(3):
        assert await resolver.resolve("a", 80) == [at("10.0.0.1"), at("10.0.0.2")]
    assert names.asked == 1


async def test_same_question_is_asked_once_at_a_time() -> None:
    names = Names("10.0.0.1", delay_s=0.02)
    resolver = Resolver(names.look_up)
    await asyncio.gather(*(resolver.resolve("a", 80) for _ in range(10)))
    assert names.asked == 1


async def test_who_gives_up_does_not_spoil_it_for_the_others() -> None:
    names = Names("10.0.0.1", delay_s=0.05)
    resolver = Resolver(names.look_up)
    leaving = asyncio.create_task(resolver.resolve("a", 80))
    staying = asyncio.create_task(resolver.resolve("a", 80))
    await asyncio.sleep(0.01)
    leaving.cancel()
    assert await staying == [at("10.0.0.1")]
    assert names.asked == 1


async def test_address_that_worked_goes_first() -> None:
    resolver = Resolver(Names("10.0.0.1", "10.0.0.2").look_up)
    await resolver.resolve("a", 80)
    resolver.prefer("a", 80, at("10.0.0.2"))
    assert await resolver.resolve("a", 80) == [at("10.0.0.2"), at("10.0.0.1")]


async def test_unknown_name_is_unreachable() -> None:  # F-U2
    names = Names()
    names.is_down = True
    with pytest.raises(RelayError) as caught:
        await Resolver(names.look_up).resolve("a", 80)
    assert caught.value.failure.kind is FailureKind.UPSTREAM_UNREACHABLE


async def test_last_good_answer_serves_while_the_resolver_is_down() -> None:  # F-U2
    names = Names("10.0.0.1")
    resolver = Resolver(names.look_up, fresh_s=0.02, kept_s=0.1)
    await resolver.resolve("a", 80)
    names.is_down = True
    await asyncio.sleep(0.03)
    assert await resolver.resolve("a", 80) == [at("10.0.0.1")]
    await asyncio.sleep(0.1)
    with pytest.raises(RelayError):
        await resolver.resolve("a", 80)


async def test_resolver_that_is_slow_is_given_up() -> None:  # F-U2
    names = Names("10.0.0.1", delay_s=0.1)
    resolver = Resolver(names.look_up, look_up_s=0.02)
    with pytest.raises(RelayError):
        await resolver.resolve("a", 80)
    await resolver.close()
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("hosts", [("169.254.169.254",), ("10.0.0.1", "fd00:ec2::254")])
async def test_name_of_a_metadata_service_is_refused(hosts: tuple[str, ...]) -> None:  # S-42
    with pytest.raises(RelayError) as caught:
        await Resolver(Names(*hosts).look_up).resolve("innocent.example", 80)
    assert caught.value.failure.code == "address_not_allowed"
