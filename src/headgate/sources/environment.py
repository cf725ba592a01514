"""Settings from environment variables: uni-api's names, and a few of our own.

Source: `uni-api.md` 5.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from headgate.snapshot.document import ConfigError
from headgate.sources import scalars
from headgate.sources.scalars import UnreadableError

_HIGHEST_PORT = 65_535


class EnvironmentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment says. Times in seconds."""

    config_path: str = ""  # UNI_API_CONFIG_PATH: the file, instead of ./api.yaml
    config_url: str = ""  # CONFIG_URL: used only where there is no file
    config_poll_s: float = 30.0  # HEADGATE_CONFIG_POLL: how often CONFIG_URL is asked
    timeout_s: float = 100.0  # TIMEOUT: first byte, for models that no table names
    host: str = "0.0.0.0"  # HOST  # noqa: S104 - a gateway in a container is asked from outside
    port: int = 8000  # PORT
    debug: bool = False  # DEBUG
    disable_database: bool = False  # DISABLE_DATABASE
    db_type: str = "sqlite"  # DB_TYPE: sqlite or postgres
    db_path: str = "./data/stats.db"  # DB_PATH
    db_user: str = "postgres"  # DB_USER
    db_password: str = ""  # DB_PASSWORD
    db_host: str = "localhost"  # DB_HOST
    db_port: int = 5432  # DB_PORT
    db_name: str = "postgres"  # DB_NAME


def read_environment(environment: Mapping[str, str]) -> EnvironmentSettings | list[ConfigError]:
    """Read the settings, or say everything that is wrong with them. Empty means unset."""
    values: dict[str, Any] = {}
    errors: list[ConfigError] = []
    for variable, (setting, read) in _VARIABLES.items():
        text = environment.get(variable, "").strip()
        if not text:
            continue
        try:
            values[setting] = read(text)
        except UnreadableError as problem:
            errors.append(ConfigError("environment", variable, str(problem)))
    return errors or EnvironmentSettings(**values)


def _port(text: str) -> int:
    port = scalars.whole(text)
    if not 0 <= port <= _HIGHEST_PORT:
        raise UnreadableError(f"write a port, 0 to {_HIGHEST_PORT}")
    return port


def _positive(text: str) -> float:
    value = scalars.seconds(text)
    if value == 0:
        raise UnreadableError("write a number of seconds above 0")
    return value


def _set(text: str) -> bool:
    """Read a switch. uni-api of 2024 took any text but "false" for yes."""
    try:
        return scalars.flag(text)
    except UnreadableError:
        return True


_VARIABLES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "UNI_API_CONFIG_PATH": ("config_path", str),
    "CONFIG_URL": ("config_url", str),
    "HEADGATE_CONFIG_POLL": ("config_poll_s", _positive),
    "TIMEOUT": ("timeout_s", _positive),
    "HOST": ("host", str),
    "PORT": ("port", _port),
    "DEBUG": ("debug", _set),
    "DISABLE_DATABASE": ("disable_database", _set),
    "DB_TYPE": ("db_type", str),
    "DB_PATH": ("db_path", str),
    "DB_USER": ("db_user", str),
    "DB_PASSWORD": ("db_password", str),
    "DB_HOST": ("db_host", str),
    "DB_PORT": ("db_port", _port),
    "DB_NAME": ("db_name", str),
}
