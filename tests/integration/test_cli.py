"""The command line, as a person types it."""

import json
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from scrap import __version__, cli
from scrap.cli.get_result import EXIT_CODES
from scrap.errors import Outcome, Overloaded, Reason
from scrap.preview import Previewer
from scrap.settings import SETTINGS
from tests import running

ALLOWED = {"SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8"}
FREE_PORTS = {"SCRAP_PORT": "0", "SCRAP_MANAGEMENT_PORT": "0"}


def run(*arguments: str, **environment: str) -> Result:
    """Runs `scrap` with these arguments, in this process: a start of Python takes longer than all the rest."""
    return CliRunner().invoke(cli.main, arguments, env=environment)


def test_it_is_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "scrap", "--version"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"scrap {__version__}\n", "")


def test_get_prints_the_open_graph(origin: running.Origin) -> None:
    done = run("get", f"{origin.url}/card.html", "--allowed-ports", str(origin.server_port), **ALLOWED)
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout)["title"] == "A card & its picture"


def test_get_prints_nothing_where_there_is_nothing(origin: running.Origin) -> None:
    done = run("get", f"{origin.url}/nothing.html", SCRAP_ALLOWED_PORTS=str(origin.server_port), **ALLOWED)
    assert (done.exit_code, done.stdout) == (0, "{}\n")


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("not a url", 2, "The url cannot be read as an absolute URL."),
        ("http://169.254.169.254/", 3, "The host is not on the public internet."),
        ("http://nobody.invalid/", 4, "The host name does not resolve."),
    ],
)
def test_get_says_what_went_wrong(url: str, code: int, words: str) -> None:
    done = run("get", url)
    assert (done.exit_code, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_get_says_that_it_took_too_long() -> None:
    class Silent(running.Answer):
        def do_GET(self) -> None:
            self.rfile.read()  # until the client has gone

    with running.origin(Silent) as origin:
        done = run("get", origin.url, "--deadline", "0.3", SCRAP_ALLOWED_PORTS=str(origin.server_port), **ALLOWED)
    assert done.exit_code == 5
    assert "The page was not fetched within the deadline." in done.stderr


@pytest.mark.parametrize(("error", "code"), [(RuntimeError("a bug"), 70), (Overloaded(Reason.FULL), 75)])
def test_get_says_in_a_line_that_it_is_our_fault(monkeypatch: pytest.MonkeyPatch, error: Exception, code: int) -> None:
    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Previewer, "make", fail)
    done = run("get", "https://example.com/")
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (code, "", 1)


def test_every_failure_has_an_exit_code() -> None:
    assert set(EXIT_CODES) == {outcome for outcome in Outcome if outcome.fault}


def test_help_names_every_setting_with_its_variable() -> None:
    text = "".join(run("serve", "--help-all").stdout.split())  # lines are broken at hyphens, too
    for setting in SETTINGS:
        assert f"--{setting.name}" in text
        default = setting.default_text or "(none)"
        assert f"[envvar:{setting.variable};default:{default.replace(' ', '')}" in text


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SCRAP_PORT", "tcp://10.96.0.1:80"),
        ("SCRAP_DEADLINE", "0"),
        ("SCRAP_ALLOWED_NETWORKS", "10.0.0.0/33"),
        ("SCRAP_ALLOWED_PORTS", "80,http"),
        ("SCRAP_CORS_ORIGINS", "https://app.example,https://app.example/"),
        ("SCRAP_CORS_ORIGINS", "https://App.example"),
        ("SCRAP_CORS_ORIGINS", "https://äpp.example"),
        ("SCRAP_CORS_ORIGINS", "app.example"),
        ("SCRAP_CORS_ORIGINS", "https://*.example"),
        ("SCRAP_CORS_ORIGINS", "https://app.example:443"),
        ("SCRAP_CORS_ORIGINS", "http://app.example:99999"),
        ("SCRAP_PAGE", "maybe"),
        ("SCRAP_LOG_FORMAT", "xml"),
        ("SCRAP_DEADLINE", "nan"),
        ("SCRAP_CONNECT_SECONDS", "inf"),
        ("SENTRY_TRACES_SAMPLE_RATE", "nan"),
        ("SCRAP_HOST", "no-such-host.invalid"),
        ("SCRAP_MANAGEMENT_HOST", "ä" * 70),
        ("SCRAP_USER_AGENT", "ä"),
        ("SCRAP_ACCEPT_LANGUAGE", "ä"),
        ("SCRAP_ALLOWED_HOSTS", "ä"),
        ("SCRAP_ALLOWED_HOSTS", "*.pages.svc"),
        ("SCRAP_CACHE_MIN", "999999"),
        ("SCRAP_CACHE_URL", "http://example.com"),
        ("SCRAP_CACHE_URL", "redis://example.com:port"),
        ("SENTRY_DSN", "not-a-dsn"),
        ("SENTRY_TRACES_SAMPLE_RATE", "2"),
    ],
)
def test_a_bad_setting_is_named(variable: str, value: str) -> None:
    done = run("serve", **FREE_PORTS | {variable: value})
    assert done.exit_code == (1 if variable.endswith("HOST") else 2)
    assert variable in done.stderr


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("serve", **FREE_PORTS | {"SCRAP_MANAGEMENT_PORT": str(taken.getsockname()[1])})
        port = taken.getsockname()[1]
    assert done.exit_code == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in done.stderr
    assert "SCRAP_MANAGEMENT_PORT" in done.stderr


def test_a_bad_cache_url_is_not_repeated() -> None:
    assert "secret" not in run("serve", **FREE_PORTS, SCRAP_CACHE_URL="redis://:secret/more@example.com").stderr


def test_a_bad_otel_variable_is_named() -> None:
    done = run(
        "serve",
        **FREE_PORTS,
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
    )
    assert done.exit_code == 2
    assert "OTEL_EXPORTER_OTLP_PROTOCOL" in done.stderr


def test_settings_that_contradict_each_other_are_refused() -> None:
    done = run("serve", "--cache-min", "100", "--cache-max", "10")
    assert done.exit_code == 2
    assert "SCRAP_CACHE_MIN and SCRAP_CACHE_MAX" in done.stderr
    done = run("serve", "--linger", "6", "--shutdown", "2", **FREE_PORTS)
    assert done.exit_code == 2
    assert "SCRAP_LINGER" in done.stderr
    assert "is longer than SCRAP_SHUTDOWN" in done.stderr
