from __future__ import annotations

from headgate.snapshot.document import ConfigError
from headgate.sources.check import report
from tests.configs import ONE_KEY, one_channel


def test_a_good_configuration_is_counted_and_exits_0() -> None:
    text, code = report(one_channel("base_url: https://h/v1\nmodel: [a, b]\nx: 1"))
    assert code == 0
    assert text.splitlines() == [
        "warning: api.yaml:5:5: providers[0].x: unknown option, ignored",
        "ok: 1 provider, 2 models, 1 key; 1 warning",
    ]
    assert "sk-test-user" in ONE_KEY
    assert "sk-test-user" not in text


def test_a_bad_configuration_says_every_error_and_exits_1() -> None:
    result = [ConfigError("api.yaml:1:2", "a.b", "no"), ConfigError("", "", "nothing there")]
    assert report(result) == (
        "error: api.yaml:1:2: a.b: no\n"
        "error: nothing there\n"
        "2 errors: this configuration cannot be used",
        1,
    )


def test_a_single_error_is_a_single_line() -> None:
    result = [ConfigError("api.yaml", "", "no such file or directory")]
    assert report(result) == ("error: api.yaml: no such file or directory", 1)
