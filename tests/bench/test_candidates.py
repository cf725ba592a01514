from __future__ import annotations

from pathlib import Path

import pytest

from bench.candidates import CANDIDATES, HERE, Place, fill, parse_version
from bench.workloads import CHAT_PATH, WORKLOADS

PLACE = Place(Path("folder"), 8001, 8002)


@pytest.mark.parametrize("name", ["haproxy.cfg", "nginx.conf"])
def test_a_configuration_gets_both_ports_and_keeps_no_mark(name: str) -> None:
    text = fill((HERE / name).read_text(encoding="utf-8"), PLACE)
    assert "127.0.0.1:8001" in text
    assert "127.0.0.1:8002" in text
    assert "@" not in text


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/", "2.6.12-1+deb12u4"),
        ("nginx version: nginx/1.22.1\n", "1.22.1"),
        ("wrk debian/4.1.0-3+b2 [epoll] Copyright (C) 2012 Will Glozer", "4.1.0-3+b2"),
        ("headgate 0.1.0\n", "0.1.0"),
        ("no number here", "unknown"),
    ],
)
def test_the_version_is_the_first_number_that_a_program_says(text: str, version: str) -> None:
    assert parse_version(text) == version


def test_a_gateway_is_asked_for_its_own_path_and_a_proxy_for_the_upstreams() -> None:
    paths = {candidate.name: candidate.path(WORKLOADS[0]) for candidate in CANDIDATES}
    upstream = WORKLOADS[0].upstream_path
    assert paths == {"haproxy": upstream, "nginx": upstream, "headgate": CHAT_PATH}
