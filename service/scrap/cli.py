"""The command line: `scrap serve` and `scrap get URL`."""

import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click
import uvloop

from scrap import __version__, app, urls
from scrap.errors import Outcome, Reason, ScrapError
from scrap.settings import GROUPS, Setting, SettingError, Settings

# Exit codes of `scrap get`, by outcome: those of sysexits.h where a program may care, and 2 as click itself ends where
# the command line is wrong. docs/problems.md has them.
EXIT_CODES = {
    Outcome.CALLER_ERROR: 2,
    Outcome.BLOCKED: 3,
    Outcome.UPSTREAM_ERROR: 4,
    Outcome.TIMEOUT: 5,
    Outcome.INTERNAL_ERROR: 70,  # EX_SOFTWARE
    Outcome.SHED: 75,  # EX_TEMPFAIL
}


class GroupedCommand(click.Command):
    """A command whose help lists its settings under their headings, each with its variable and its default."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes each group of settings, then what is left."""
        own = {param.name: param.get_help_record(ctx) for param in self.get_params(ctx)}
        for heading, settings in GROUPS.items():
            rows = [_row(setting) for setting in settings if own.pop(setting.key, None)]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
        with formatter.section("Other"):
            formatter.write_dl([record for record in own.values() if record])


def _row(setting: Setting) -> tuple[str, str]:
    return f"--{setting.name}", f"{setting.help} [{setting.variable}: {setting.default_text or 'none'}]"


def with_settings(*headings: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the settings under these headings, as flags and variables."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for heading in reversed(headings):
            for setting in reversed(GROUPS[heading]):
                command = click.option(
                    f"--{setting.name}",
                    type=setting.type,
                    default=setting.default,
                    envvar=setting.variable,
                    show_envvar=True,  # so that an error names it
                )(command)
        return command

    return decorate


@click.group(context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="scrap %(version)s")
def main() -> None:
    """Returns the Open Graph (ogp.me) of the page at a URL."""


@main.command(cls=GroupedCommand, short_help="Serve the API.")
@with_settings(*GROUPS)
def serve(**values: Any) -> None:
    """Serve GET /api/v1/scrap?url=… until SIGTERM or Ctrl-C.

    Health and metrics are on the management port: /livez, /readyz and /metrics.
    """
    _open_standard_streams()
    try:
        uvloop.run(app.serve(Settings(values)))
    except SettingError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.ClickException(str(error)) from None


def _open_standard_streams() -> None:
    """Opens /dev/null for each of descriptors 0 to 2 that is closed (`scrap serve >&-`).

    The event loop would get its number otherwise, and the log lines would be written to it. POSIX's open gives the
    lowest number that is free.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


@main.command(cls=GroupedCommand, short_help="Print the Open Graph of a page as JSON.")
@click.argument("url")
@with_settings("Load", "Fetching")
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
    except Exception as error:  # noqa: BLE001 - whatever it is, a person wants a line and a script its code
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
