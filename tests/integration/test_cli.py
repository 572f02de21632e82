"""The command line, as a person types it."""

import json
import os
import subprocess
import sys

import pytest

from scrap import __version__
from scrap.settings import SETTINGS
from tests import running

ALLOWED = {"SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8"}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs `scrap` with these arguments."""
    command = [sys.executable, "-m", "scrap", *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def test_get_prints_the_open_graph(origin: running.Origin) -> None:
    done = run("get", f"{origin.url}/card.html", "--allowed-ports", str(origin.server_port), **ALLOWED)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["title"] == "A card & its picture"


def test_get_prints_nothing_where_there_is_nothing(origin: running.Origin) -> None:
    done = run("get", f"{origin.url}/nothing.html", SCRAP_ALLOWED_PORTS=str(origin.server_port), **ALLOWED)
    assert (done.returncode, done.stdout) == (0, "{}\n")


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
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_get_says_that_it_took_too_long() -> None:
    class Silent(running.Answer):
        def do_GET(self) -> None:
            self.rfile.read()  # until the caller has gone

    with running.origin(Silent) as origin:
        done = run("get", origin.url, "--deadline", "0.3", SCRAP_ALLOWED_PORTS=str(origin.server_port), **ALLOWED)
    assert done.returncode == 5
    assert "The page was not there within the deadline." in done.stderr


def test_version() -> None:
    assert run("--version").stdout == f"scrap {__version__}\n"


def test_help_names_every_setting_with_its_variable() -> None:
    text = run("serve", "--help").stdout
    for setting in SETTINGS:
        assert f"--{setting.name} " in text
        assert setting.variable in text


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SCRAP_PORT", "tcp://10.96.0.1:80"),
        ("SCRAP_DEADLINE", "0"),
        ("SCRAP_ALLOWED_NETWORKS", "10.0.0.0/33"),
        ("SCRAP_ALLOWED_PORTS", "80,http"),
        ("SCRAP_LOG_FORMAT", "xml"),
        ("SENTRY_DSN", "not-a-dsn"),
        ("SENTRY_TRACES_SAMPLE_RATE", "2"),
    ],
)
def test_a_bad_setting_is_named(variable: str, value: str) -> None:
    done = run("serve", SCRAP_MANAGEMENT_PORT="0", **{"SCRAP_PORT": "0", variable: value})
    assert done.returncode == 2
    assert variable in done.stderr


def test_a_bad_otel_variable_is_named() -> None:
    done = run(
        "serve",
        SCRAP_PORT="0",
        SCRAP_MANAGEMENT_PORT="0",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
    )
    assert done.returncode == 2
    assert "OTEL_EXPORTER_OTLP_PROTOCOL" in done.stderr


def test_settings_that_contradict_each_other_are_refused() -> None:
    done = run("serve", "--cache-min", "100", "--cache-max", "10")
    assert done.returncode == 2
    assert "minimum" in done.stderr
