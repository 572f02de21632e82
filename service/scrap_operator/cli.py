"""The command line: `scrap-operator run`."""

import asyncio
import contextlib
import copy
import functools
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


def _help_all(ctx: click.Context, _: click.Parameter, is_given: bool) -> None:
    if is_given and not ctx.resilient_parsing:
        command = copy.deepcopy(ctx.command)
        for param in command.params:
            if isinstance(param, click.Option):
                param.hidden = False
        click.echo(command.get_help(ctx))
        ctx.exit()


_option = functools.partial(click.option, show_envvar=True, show_default=True)


@click.group(context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scrap")
def main() -> None:
    """Scales the targets of AlertScalers by the state of alerts.

    \b
    Example:
      scrap-operator run --log-format text
    """


@main.command(context_settings={"auto_envvar_prefix": "SCRAP_OPERATOR"})
@_option("--namespace", show_default="the one it runs in", help="The namespace whose AlertScalers are served.")
@_option(
    "--selector",
    default=DEFAULTS.selector,
    show_default="all of the namespace",
    type=Labels(),
    help="Labels that an AlertScaler must carry to be served.",
)
@_option("--host", default=DEFAULTS.host, help="The address of /healthz and /metrics.")
@_option(
    "--port",
    default=DEFAULTS.port,
    type=click.IntRange(0, 65535),
    metavar="INTEGER",
    help="The port of /healthz and /metrics; 0 takes a free one.",
)
@_option(
    "--patience",
    default=DEFAULTS.patience,
    type=click.FloatRange(min=0),
    metavar="FLOAT",
    help="Seconds by which a loop may miss its tick until /healthz fails.",
    hidden=True,
)
@_option(
    "--definition-wait",
    default=DEFAULTS.crd_wait,
    type=click.FloatRange(min=0.1),
    metavar="FLOAT",
    help="Seconds between two look-ups of the AlertScaler's CRD, while it is not installed.",
    hidden=True,
)
@_option("--log-format", default="json", type=click.Choice(["json", "text"]), help="The format of the log.")
@_option(
    "--log-level",
    default="info",
    type=click.Choice(["debug", "info", "warning"]),
    help="The lowest level that is logged.",
)
@click.option(
    "--help-all",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    allow_from_autoenv=False,
    callback=_help_all,
    help="Show every option, those for tuning as well, and exit.",
)
def run(
    *,
    namespace: str | None,
    selector: dict[str, str],
    host: str,
    port: int,
    patience: float,
    definition_wait: float,
    log_format: str,
    log_level: str,
) -> None:
    """Runs the operator until SIGTERM.

    \b
    Examples:
      scrap-operator run
      scrap-operator run --namespace shop --selector team=web,tier=edge
      SCRAP_OPERATOR_LOG_LEVEL=debug scrap-operator run --log-format text
    """
    kopf.configure(
        verbose=log_level == "debug",
        quiet=log_level == "warning",
        log_format=kopf.LogFormat.JSON if log_format == "json" else kopf.LogFormat.FULL,
    )
    if log_level != "debug":  # a line for each request and each event watched
        for chatty in ("httpx2", "kopf.objects"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
    settings = app.OperatorSettings(
        namespace=namespace, selector=selector, host=host, port=port, patience=patience, crd_wait=definition_wait
    )
    try:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(app.run(settings))
    except KubeError as error:
        raise click.ClickException(str(error)) from error
