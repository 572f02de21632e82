"""The command line: `scrap serve` and `scrap get URL`."""

import os
import sys
from collections.abc import Iterable
from itertools import chain
from typing import Any, NoReturn

import click
import uvloop

from scrap import __version__, app, urls
from scrap.errors import Outcome, Reason, ScrapError
from scrap.settings import GROUPS, Setting, SettingError, Settings

# Exit codes of `scrap get`, by outcome: click's own 2 for a wrong command line, and two of sysexits.h. See
# docs/problems.md.
EXIT_CODES = {
    Outcome.CALLER_ERROR: 2,
    Outcome.BLOCKED: 3,
    Outcome.UPSTREAM_ERROR: 4,
    Outcome.TIMEOUT: 5,
    Outcome.INTERNAL_ERROR: 70,  # EX_SOFTWARE
    Outcome.SHED: 75,  # EX_TEMPFAIL
}


class SettingsCommand(click.Command):
    """A command whose options are settings; its help has them under their headings, with variable and default."""

    def __init__(self, *arguments: Any, headings: Iterable[str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._groups = {heading: GROUPS[heading] for heading in headings}
        self._others = self.params
        self.params = [*map(_option, chain(*self._groups.values())), *self._others]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, settings in self._groups.items():
            with formatter.section(heading):
                formatter.write_dl([_row(setting) for setting in settings])
        others = [*self._others, self.get_help_option(ctx)]
        with formatter.section("Other"):
            formatter.write_dl([record for param in others if param and (record := param.get_help_record(ctx))])


def _option(setting: Setting) -> click.Option:
    """`show_envvar` makes errors name the variable."""
    name, variable = f"--{setting.name}", setting.variable
    return click.Option([name], type=setting.type, default=setting.default, envvar=variable, show_envvar=True)


def _row(setting: Setting) -> tuple[str, str]:
    return f"--{setting.name}", f"{setting.help} [{setting.variable}: {setting.default_text or 'none'}]"


@click.group(context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="scrap %(version)s")
def main() -> None:
    """Returns the Open Graph (ogp.me) of the page at a URL."""


@main.command(cls=SettingsCommand, headings=GROUPS, short_help="Serve the API.")
def serve(**values: Any) -> None:
    """Serve GET /api/v1/scrap?url=… until SIGTERM or Ctrl-C.

    Health, metrics and top clients are on the management port: /livez, /readyz, /metrics and /clients.
    """
    _open_standard_streams()
    try:
        uvloop.run(app.serve(Settings(values)))
    except SettingError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.ClickException(str(error)) from None


def _open_standard_streams() -> None:
    """Opens /dev/null for each of descriptors 0 to 2 that is closed (`scrap serve >&-`): the log is written to one."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


@main.command(cls=SettingsCommand, headings=("Load", "Fetching"), short_help="Print the Open Graph of a page as JSON.")
@click.argument("url")
def get(url: str, **values: Any) -> None:
    """Print the Open Graph of the page at URL as JSON; {} where it has none.

    Exit codes: 0 success, 2 the URL is invalid, 3 it may not be fetched, 4 the page could not be fetched,
    5 it took too long, 70 internal error, 75 the service is overloaded.
    """
    try:
        body = uvloop.run(_get(url, Settings(values)))
    except SettingError as error:
        raise click.UsageError(str(error)) from None
    except ScrapError as error:
        _fail(error)
    except Exception as error:  # noqa: BLE001 - any error ends with one line and an exit code
        _fail(ScrapError(Reason.INTERNAL, repr(error)))
    click.echo(body)


def _fail(error: ScrapError) -> NoReturn:
    click.echo(f"scrap: {error.reason.sentence} ({error})", err=True)
    sys.exit(EXIT_CODES[error.reason.outcome])


async def _get(url: str, settings: Settings) -> bytes:
    async with app.components(settings) as built:
        made = await built.previewer.make(urls.parse(url))
    if made.entry.reason:
        raise ScrapError(made.entry.reason, made.internal)
    return made.entry.body
