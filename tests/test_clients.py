"""What the rows of `make clients` say: it is too heavy to be run with every change."""

from __future__ import annotations

import pytest

from headgate.lab.scripts.table import find
from scripts.client_rows import CLIENTS, Client
from scripts.clients import KEY, config, filled
from tests.configs import compiled


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: f"{client.name}-{client.wire}")
def test_each_client_has_its_wire_and_a_behaviour_of_the_lab(client: Client) -> None:
    assert find(client.behaviour) is not None
    snapshot = compiled(config(client, "http://127.0.0.1:19000"))
    (channel,) = snapshot.channels
    (endpoints,) = [found for name, found in channel.endpoints.items() if name == "chat"]
    assert endpoints[0].dialect == client.wire
    assert endpoints[0].url.startswith(f"http://127.0.0.1:19000/{client.behaviour}/")
    assert list(snapshot.keys[KEY].routes) == [client.model]


def test_each_client_comes_from_one_registry_at_an_exact_version() -> None:
    for client in CLIENTS:
        assert bool(client.npm) != bool(client.pypi)
        assert client.npm.count("@", 1) == 1 or "==" in client.pypi


def test_addresses_and_keys_are_filled_in() -> None:
    text = filled('{"url": "$GATE/v1", "key": "$KEY"}', "http://h")
    assert text == '{"url": "http://h/v1", "key": "sk-headgate-clients"}'
