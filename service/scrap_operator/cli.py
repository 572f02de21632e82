"""The command line: `scrap-operator run`."""

import asyncio
import contextlib
import logging

import click
import kopf

from scrap_operator import app
from scrap_operator.kube import KubeError

DEFAULTS = app.OperatorSettings()


class Labels(click.ParamType[dict[str, str]]):
    """Labels, as kubectl's --selector takes them: name=value,name=value."""

    name = "labels"

    def convert(
        self, value: str | dict[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, str]:
        """See click.ParamType."""
        if isinstance(value, dict):
            return value
        pairs = [pair.partition("=") for pair in value.split(",") if pair]
        if not all(name and equals for name, equals, _ in pairs):
            self.fail(f"{value!r} is not name=value,name=value", param, ctx)
        return {name: text for name, _, text in pairs}


@click.group(context_settings={"auto_envvar_prefix": "SCRAP_OPERATOR", "help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scrap")
def main() -> None:
    """Scales the targets of AlertScalers by the state of alerts."""


@main.command(context_settings={"show_default": True})
@click.option(
    "--namespace",
    show_envvar=True,
    envvar="SCRAP_OPERATOR_NAMESPACE",
    show_default="the one it runs in",
    help="The namespace whose AlertScalers are served.",
)
@click.option(
    "--selector",
    show_envvar=True,
    envvar="SCRAP_OPERATOR_SELECTOR",
    default=DEFAULTS.selector,
    show_default="all of the namespace",
    type=Labels(),
    help="Labels that an AlertScaler must carry to be served.",
)
@click.option(
    "--host",
    show_envvar=True,
    envvar="SCRAP_OPERATOR_HOST",
    default=DEFAULTS.host,
    help="The address of /healthz and /metrics.",
)
@click.option(
    "--port",
    show_envvar=True,
    envvar="SCRAP_OPERATOR_PORT",
    default=DEFAULTS.port,
    type=click.IntRange(0, 65535),
    help="The port of /healthz and /metrics.",
)
@click.option(
    "--patience",
    show_envvar=True,
    envvar="SCRAP_OPERATOR_PATIENCE",
    default=DEFAULTS.patience,
    type=click.FloatRange(min=0),
    help="Seconds by which a loop may miss its tick until /healthz fails.",
)
@click.option(
    "--definition-wait",
    "crd_wait",
    show_envvar=True,
    envvar="SCRAP_OPERATOR_DEFINITION_WAIT",
    default=DEFAULTS.crd_wait,
    type=click.FloatRange(min=0.1),
    help="Seconds between two look-ups of the AlertScaler's CRD, while it is not installed.",
)
@click.option(
    "--log-format",
    show_envvar=True,
    envvar="SCRAP_OPERATOR_LOG_FORMAT",
    default="json",
    type=click.Choice(["json", "text"]),
    help="The format of the log.",
)
@click.option(
    "--log-level",
    show_envvar=True,
    envvar="SCRAP_OPERATOR_LOG_LEVEL",
    default="info",
    type=click.Choice(["debug", "info", "warning"]),
    help="The lowest level that is logged.",
)
def run(
    *,
    namespace: str | None,
    selector: dict[str, str],
    host: str,
    port: int,
    patience: float,
    crd_wait: float,
    log_format: str,
    log_level: str,
) -> None:
    """Runs the operator until SIGTERM."""
    kopf.configure(
        verbose=log_level == "debug",
        quiet=log_level == "warning",
        log_format=kopf.LogFormat.JSON if log_format == "json" else kopf.LogFormat.FULL,
    )
    if log_level != "debug":  # a line for each request and each event watched
        for chatty in ("httpx2", "kopf.objects"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
    settings = app.OperatorSettings(
        namespace=namespace, selector=selector, host=host, port=port, patience=patience, crd_wait=crd_wait
    )
    try:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(app.run(settings))
    except KubeError as error:
        raise click.ClickException(str(error)) from error
