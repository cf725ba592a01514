from __future__ import annotations

import pytest

from headgate.sources.environment import EnvironmentSettings, read_environment


def read(**environment: str) -> EnvironmentSettings:
    """Read variables that are right."""
    settings = read_environment(environment)
    assert isinstance(settings, EnvironmentSettings)
    return settings


def test_an_empty_environment_gives_uni_apis_defaults() -> None:
    settings = read()
    assert (settings.timeout_s, settings.host, settings.port) == (100.0, "0.0.0.0", 8000)
    assert (settings.db_type, settings.db_path) == ("sqlite", "./data/stats.db")


def test_variables_are_read() -> None:
    settings = read(TIMEOUT="20.5", PORT="9000", CONFIG_URL="https://h/c", DB_PORT="1")
    assert settings.timeout_s == 20.5
    assert (settings.port, settings.config_url, settings.db_port) == (9000, "https://h/c", 1)


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert read(PORT="", TIMEOUT=" ") == EnvironmentSettings()


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("False", False), ("0", False), ("please", True)]
)
def test_a_switch_is_on_unless_it_says_no(text: str, value: bool) -> None:
    assert read(DISABLE_DATABASE=text).disable_database is value


def test_everything_wrong_is_said_at_once() -> None:
    errors = read_environment({"PORT": "99999", "TIMEOUT": "0", "DB_PORT": "x", "HOST": "h"})
    assert isinstance(errors, list)
    assert sorted(map(str, errors)) == [
        "environment: DB_PORT: write a whole number",
        "environment: PORT: write a port, 0 to 65535",
        "environment: TIMEOUT: write a number of seconds above 0",
    ]
