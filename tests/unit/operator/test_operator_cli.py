"""The command line: flags, variables, the log."""

import logging

import pytest
from click.testing import CliRunner

from scrap_operator import app
from scrap_operator.cli import main
from scrap_operator.kube import KubeError


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[app.OperatorSettings]:
    """What the application is started with."""
    settings: list[app.OperatorSettings] = []

    async def run(given: app.OperatorSettings) -> None:
        settings.append(given)
        logging.getLogger("scrap_operator").info("started", extra={"alertscaler": "scrap"})

    monkeypatch.setattr(app, "run", run)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    return settings


def test_the_defaults_are_the_settings_own(received: list[app.OperatorSettings]) -> None:
    assert CliRunner().invoke(main, ["run"], catch_exceptions=False).exit_code == 0
    assert received == [app.OperatorSettings()]


def test_flags_and_variables(received: list[app.OperatorSettings]) -> None:
    variables = {"SCRAP_OPERATOR_NAMESPACE": "shop", "SCRAP_OPERATOR_PORT": "9000", "SCRAP_OPERATOR_LOG_LEVEL": "debug"}
    arguments = ["run", "--port", "9001", "--selector", "team=web,example.com/release=one"]
    CliRunner(env=variables).invoke(main, arguments, catch_exceptions=False)
    selector = {"team": "web", "example.com/release": "one"}
    assert received == [app.OperatorSettings(namespace="shop", port=9001, selector=selector)]


@pytest.mark.parametrize("selector", ["team", "=web", "team=web,shop"])
def test_a_selector_is_names_and_values(received: list[app.OperatorSettings], selector: str) -> None:
    done = CliRunner().invoke(main, ["run", "--selector", selector])
    assert (done.exit_code, received) == (2, [])
    assert "is not name=value,name=value" in done.output


def test_a_variable_that_is_no_number_is_refused(received: list[app.OperatorSettings]) -> None:
    done = CliRunner(env={"SCRAP_OPERATOR_PATIENCE": "long"}).invoke(main, ["run"])
    assert done.exit_code == 2
    assert "'long' is not a valid float" in done.output
    assert received == []


@pytest.mark.parametrize(("form", "begins"), [("json", "{"), ("text", "[")])
def test_the_log(received: list[app.OperatorSettings], form: str, begins: str) -> None:
    done = CliRunner().invoke(main, ["run", "--log-format", form], catch_exceptions=False)
    assert done.stderr.startswith(begins)
    assert "started" in done.stderr


def test_nothing_to_log_in_with_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, received: list[app.OperatorSettings]
) -> None:
    async def run(given: app.OperatorSettings) -> None:
        raise KubeError("neither a service account nor a kubeconfig")

    monkeypatch.setattr(app, "run", run)
    done = CliRunner().invoke(main, ["run"])
    assert (done.exit_code, done.stderr) == (1, "Error: neither a service account nor a kubeconfig\n")
