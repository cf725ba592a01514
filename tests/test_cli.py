"""The command line in processes of its own: what it says, and its exit codes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from headgate import __version__
from headgate.cli import main
from tests.e2e.harness import KEY
from tests.program import (
    PATIENCE_S,
    Ended,
    ask,
    chat,
    ended,
    environment_of,
    running,
    serving,
)

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

GOOD = f"""
providers:
  - provider: one
    base_url: http://127.0.0.1:1/v1/chat/completions
    api: up
    model: [gpt-m]
api_keys:
  - api: {KEY}
"""
BAD = """
providers:
  - provider: one
    base_url: no-url
    model: [gpt-m]
  - base_url: https://host/v1
api_keys:
  - role: admin
"""


Call = Callable[[str], Ended]


@pytest.fixture(name="call")
def a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Run a command that ends by itself within this process, which is much quicker."""
    monkeypatch.chdir(tmp_path)

    def call(arguments: str) -> Ended:
        try:
            code: str | int | None = main(arguments.split())
        except SystemExit as over:
            code = over.code
        said = capsys.readouterr()
        return Ended(int(code or 0), said.out, said.err)

    return call


@pytest.fixture(name="good")
def a_good_file(tmp_path: Path) -> Path:
    path = tmp_path / "api.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


# ---------------------------------------------------------------- what cannot be served


def make_folder(path: Path) -> None:
    path.mkdir()


def make_loop(path: Path) -> None:
    path.symlink_to(path.name)


def make_forbidden(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path.write_text(GOOD, encoding="utf-8")
    path.chmod(0)


def writing(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


WRONG_FILES = [
    pytest.param(lambda _path: None, "no such file or directory", id="missing"),
    pytest.param(make_folder, "is a directory", id="folder"),
    pytest.param(make_loop, "too many levels of symbolic links", id="loop"),
    pytest.param(make_forbidden, "permission denied", id="forbidden"),
    pytest.param(writing(b""), "the file is empty: it needs providers", id="empty"),
    pytest.param(writing(b" \n# nothing\n"), "the file is empty: it needs", id="blank"),
    pytest.param(writing(b"providers: [\n"), "wrong.yaml:2:1: not valid YAML", id="broken"),
    pytest.param(writing(b"\x00\x01\xff"), "wrong.yaml: not valid YAML", id="binary"),
    pytest.param(writing(b"- a\n"), "this is no api.yaml", id="list"),
    pytest.param(writing(b"just words"), "this is no api.yaml", id="words"),
]


@pytest.mark.parametrize("command", ["serve --config", "check"])
@pytest.mark.parametrize(("make", "words"), WRONG_FILES)
def test_a_file_that_cannot_be_used_is_one_clear_line(
    tmp_path: Path, call: Call, make: Callable[[Path], None], words: str, command: str
) -> None:
    make(tmp_path / "wrong.yaml")
    over = call(f"{command} wrong.yaml")
    assert (over.exit_code, over.out) == (1, "")
    assert over.err.count("\n") == 1
    assert "error: wrong.yaml" in over.err
    assert words in over.err


@pytest.mark.parametrize("command", ["serve --config", "check"])
def test_a_missing_file_ends_the_process_with_1_and_one_line(tmp_path: Path, command: str) -> None:
    over = ended(*command.split(), "absent.yaml", folder=tmp_path)
    assert over.err.removeprefix("headgate: ") == "error: absent.yaml: no such file or directory\n"
    assert (over.exit_code, over.out) == (1, "")


@pytest.mark.parametrize("command", ["serve --config", "check"])
def test_every_error_of_a_file_is_said_with_its_place(tmp_path: Path, command: str) -> None:
    (tmp_path / "api.yaml").write_text(BAD, encoding="utf-8")
    over = ended(*command.split(), "api.yaml", folder=tmp_path)
    assert (over.exit_code, over.out) == (1, "")
    *errors, last = over.err.removeprefix("headgate: ").splitlines()
    assert [error.split(" ")[1] for error in errors] == [
        "api.yaml:4:5:",
        "api.yaml:6:5:",
        "api.yaml:8:5:",
    ]
    assert last == "3 errors: this configuration cannot be used"


def test_nothing_to_serve_says_what_to_do(tmp_path: Path) -> None:
    over = ended("serve", folder=tmp_path)
    assert (over.exit_code, over.out) == (1, "")
    assert over.err == (
        "headgate: there is no api.yaml here and CONFIG_URL is not set: write one, or name one "
        "with --config\n"
    )


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_in_use_is_one_clear_line(good: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        over = ended(command, "--host", "127.0.0.1", "--port", port, folder=good.parent)
    assert (over.exit_code, over.out) == (1, "")
    assert over.err == (
        f"headgate: cannot listen on 127.0.0.1:{port}: another program is listening there; stop "
        "it, or choose another port\n"
    )


def test_a_port_in_use_stops_the_lab_too(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        over = ended("lab", "--port", str(taken.getsockname()[1]), folder=tmp_path)
    assert (over.exit_code, over.out) == (1, "")
    assert over.err.count("\n") == 1


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PORT", "http", "environment: PORT: write a whole number"),
        ("PORT", "65536", "environment: PORT: write a port, 0 to 65535"),
        ("TIMEOUT", "soon", "environment: TIMEOUT: write a number of seconds"),
        ("TIMEOUT", "0", "environment: TIMEOUT: write a number of seconds above 0"),
        ("HEADGATE_CONFIG_POLL", "-1", "environment: HEADGATE_CONFIG_POLL"),
        ("HOST", "no host", "cannot listen on no host:0: the host name is unknown"),
        ("HOST", "203.0.113.1", "this machine has no such address"),
    ],
)
@pytest.mark.usefixtures("good")
def test_a_variable_that_cannot_be_used_is_one_clear_line(
    call: Call, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv("PORT", "0")
    monkeypatch.setenv(variable, value)
    over = call("serve")
    assert (over.exit_code, over.out) == (1, "")
    assert over.err.count("\n") == 1
    assert words in over.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "required: COMMAND"),
        ("frobnicate", "invalid choice: 'frobnicate'"),
        ("serve --port x", "'x' is no port: write a number from 0 to 65535"),
        ("serve --port 65536", "'65536' is no port"),
        ("serve --port -1", "'-1' is no port"),
        ("serve --log xml", "invalid choice: 'xml'"),
        ("serve --body-limit much", "write a number of bytes"),
        ("serve --drain long", "'long': write a number of seconds"),
        ("serve --drain -1", "write a number of seconds, 0 or more"),
        ("serve --nonsense", "unrecognized arguments: --nonsense"),
        ("check", "required: FILE|URL"),
        ("lab --port 1.5", "'1.5' is no port"),
    ],
)
def test_a_misspelled_command_ends_with_2(call: Call, arguments: str, words: str) -> None:
    over = call(arguments)
    assert (over.exit_code, over.out) == (2, "")
    assert words in over.err.splitlines()[-1]


# ---------------------------------------------------------------- check, version, help


@pytest.mark.usefixtures("good")
def test_check_counts_what_is_right(call: Call) -> None:
    over = call("check api.yaml")
    assert over == (0, "ok: 1 provider, 1 model, 1 key; 0 warnings\n", "")


def test_check_says_warnings_and_no_secret(good: Path, call: Call) -> None:
    good.write_text(GOOD + "    colour: red\n", encoding="utf-8")
    over = call("check api.yaml")
    assert over.exit_code == 0
    assert "warning: api.yaml:9:5: api_keys[0].colour: unknown option, ignored" in over.out
    assert KEY not in over.out


def test_check_fills_in_variables(good: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    good.write_text(GOOD.replace("[gpt-m]", '["${MODEL}"]'), encoding="utf-8")
    assert call("check api.yaml").exit_code == 1
    monkeypatch.setenv("MODEL", "gpt-m")
    assert call("check api.yaml").exit_code == 0


def test_a_reader_that_leaves_early_leaves_no_traceback(good: Path) -> None:
    line = f'"{sys.executable}" -m headgate lab --list | head -1'
    shell = subprocess.run(
        ["sh", "-c", line], env=environment_of({}), capture_output=True, text=True, check=True
    )
    assert shell.stdout.startswith("lab-hello")
    assert shell.stderr == ""


def test_version_and_help(call: Call) -> None:
    assert call("--version") == (0, f"headgate {__version__}\n", "")
    over = call("--help")
    assert (over.exit_code, over.err) == (0, "")
    for command in ("serve", "check", "lab", "demo"):
        assert command in over.out
        assert call(f"{command} --help").exit_code == 0


def test_lab_lists_its_behaviours(call: Call) -> None:
    over = call("lab --list")
    assert (over.exit_code, over.err) == (0, "")
    assert "lab-hang-after-headers" in over.out


# ---------------------------------------------------------------- serve


def test_serve_takes_the_file_host_and_port_of_the_command_line(good: Path) -> None:
    elsewhere = good.rename(good.with_name("mine.yaml"))
    with serving(elsewhere, environment={"PORT": "1", "HOST": "203.0.113.1"}) as program:
        assert program.hears("headgate serves").startswith(
            f"headgate serves {elsewhere} at http://127.0.0.1:"
        )
        assert ask(program.url + "/readyz").status == 200


def test_serve_takes_the_file_here_and_host_and_port_from_the_environment(good: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {"HOST": "127.0.0.1", "PORT": str(port)}
    with running("serve", folder=good.parent, environment=environment) as program:
        assert program.hears("serves") == f"headgate serves api.yaml at http://127.0.0.1:{port}\n"
        assert ask(program.url + "/v1/models").status == 200


def test_serve_listens_on_all_addresses_by_default(good: Path) -> None:
    with running("serve", folder=good.parent, environment={"PORT": "0"}) as program:
        assert program.url.startswith("http://0.0.0.0:")
        assert ask(f"http://127.0.0.1:{program.port}/healthz").status == 200


def test_serve_takes_the_path_of_uni_api(good: Path) -> None:
    good.rename(good.with_name("uni.yaml"))
    environment = {"UNI_API_CONFIG_PATH": "uni.yaml", "PORT": "0"}
    with running("serve", folder=good.parent, environment=environment) as program:
        assert "headgate serves uni.yaml at" in program.hears("serves")


@contextmanager
def publishing(content: bytes) -> Iterator[str]:
    """Serve a file over HTTP; give its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path.startswith("/api.yaml") else 404)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api.yaml?token=geheim"
        server.shutdown()
        thread.join()


def test_serve_takes_a_url_and_keeps_its_secret(tmp_path: Path) -> None:
    with publishing(GOOD.encode()) as url:
        for arguments, variable in ((("--config", url), ""), ((), url)):
            environment = {"CONFIG_URL": variable, "PORT": "0", "HOST": "127.0.0.1"}
            with running("serve", *arguments, folder=tmp_path, environment=environment) as program:
                assert ask(program.url + "/v1/models").status == 200
                assert "geheim" not in program.everything
        assert ended("check", url, folder=tmp_path).exit_code == 0


def test_the_file_here_wins_over_config_url(good: Path) -> None:
    environment = {"CONFIG_URL": "http://127.0.0.1:1/", "PORT": "0", "HOST": "127.0.0.1"}
    with running("serve", folder=good.parent, environment=environment) as program:
        assert "serves api.yaml" in program.hears("serves")


@pytest.mark.parametrize("command", ["serve --config", "check"])
def test_a_url_that_cannot_be_fetched_is_one_clear_line(tmp_path: Path, command: str) -> None:
    with publishing(GOOD.encode()) as url:
        missing = url.replace("/api.yaml", "/other")
        over = ended(*command.split(), missing, folder=tmp_path)
        assert over.exit_code == 1
        assert over.err.count("\n") == 1
        assert "/other: the server answered 404" in over.err
        assert "geheim" not in over.err
    over = ended(*command.split(), url, folder=tmp_path)
    assert over.exit_code == 1
    assert over.err.count("\n") == 1
    assert "cannot be fetched ([Errno 111] Connection refused)" in over.err


def test_the_variable_timeout_bounds_the_first_byte(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        config = tmp_path / "api.yaml"
        config.write_text(GOOD.replace(":1/", f":{silent.getsockname()[1]}/"), encoding="utf-8")
        with serving(config, environment={"TIMEOUT": "0.4"}) as program:
            url = program.url
            asked_s = time.monotonic()
            reply = chat(url, "gpt-m")
            assert reply.status == 504
            assert 0.3 < time.monotonic() - asked_s < 3


@pytest.mark.parametrize("form", ["text", "json", "off", None])
def test_log_forms(good: Path, form: str | None) -> None:
    arguments = ("--log", form) if form else ()
    environment = {"HOST": "127.0.0.1", "PORT": "0"}
    with running("serve", *arguments, folder=good.parent, environment=environment) as program:
        assert chat(program.url, "gpt-m").status == 503
        program.send(signal.SIGTERM)
        over = program.ended()
    _ready, *lines = over.out.splitlines()
    assert over.exit_code == 0
    if form == "off":
        assert lines == []
        return
    (line,) = lines
    if form == "text":
        assert " 503 chat gpt-m " in line
    else:  # no terminal reads here, so JSON is the default
        assert msgspec.json.decode(line)["status"] == 503


@pytest.mark.parametrize(("size", "status"), [("2KiB", 413), ("1MB", 503)])
def test_body_limit(good: Path, size: str, status: int) -> None:
    with serving(good, "--body-limit", size) as program:
        body = {"model": "gpt-m", "messages": [{"role": "user", "content": "x" * 3000}]}
        reply = ask(program.url + "/v1/chat/completions", body=body)
        assert reply.status == status
        assert msgspec.json.decode(reply.body)["error"]["message"]


def test_warnings_of_the_file_are_said_at_start(good: Path) -> None:
    good.write_text(GOOD + "    colour: red\n", encoding="utf-8")
    with serving(good) as program:
        assert program.hears("unknown option", err=True).startswith("warning: ")


# ---------------------------------------------------------------- demo and lab


def shell_line(text: str) -> str:
    """The curl command in what the demo prints."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.lstrip().startswith("curl "))
    stop = next(number for number in range(start, len(lines)) if not lines[number].endswith("\\"))
    return "\n".join(lines[start : stop + 1])


def test_the_line_that_the_demo_prints_works_as_printed(tmp_path: Path) -> None:
    with running("demo", "--port", "0", folder=tmp_path) as program:
        program.hears("Ctrl-C stops it")
        line = shell_line(program.everything)
        shell = subprocess.run(
            ["sh", "-c", line], capture_output=True, check=True, timeout=PATIENCE_S
        )
        reply = msgspec.json.decode(shell.stdout)
        assert reply["object"] == "chat.completion"
        assert reply["choices"][0]["message"]["content"] == "demo: Hello from the lab."
        program.send(signal.SIGTERM)
        assert program.ended().exit_code == 0


def test_every_model_that_the_demo_names_answers(tmp_path: Path) -> None:
    with running("demo", "--port", "0", folder=tmp_path) as program:
        url = program.url
        for model in ("gpt-demo", "claude-demo", "gemini-demo", "gpt-demo-flaky"):
            assert chat(url, model, "sk-demo").status == 200


@pytest.mark.parametrize("variable", ["", "127.0.0.1"])
def test_the_demo_is_for_this_machine_only(tmp_path: Path, variable: str) -> None:
    environment = {"HOST": variable, "PORT": "0"}
    with running("demo", folder=tmp_path, environment=environment) as program:
        assert program.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_lab_serves_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    with running("lab", "--port", "0", folder=tmp_path) as program:
        line = program.hears("headgate lab listens on ")
        assert chat(line.rpartition(" ")[2].strip() + "/ok1", "gpt-m").status == 200
        program.send(number)
        assert program.ended().exit_code == 0
