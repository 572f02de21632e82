"""`scrap get`: the Open Graph of pages, without a server."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import click
import uvloop

from scrap import admission, app, fetch, urls
from scrap.cli.settings_command import SettingsCommand
from scrap.errors import Outcome, Reason, ScrapError, UpstreamError
from scrap.settings import SettingError, Settings

# By outcome: click's own 2 for a wrong command line, and two of sysexits.h. The greatest is the worst.
EXIT_CODES = {
    Outcome.CALLER_ERROR: 2,
    Outcome.BLOCKED: 3,
    Outcome.UPSTREAM_ERROR: 4,
    Outcome.TIMEOUT: 5,
    Outcome.INTERNAL_ERROR: 70,  # EX_SOFTWARE
    Outcome.SHED: 75,  # EX_TEMPFAIL
}
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_LONGEST_LINE = 64 * 1024  # bytes of stdin's; what follows is no URL, and is not kept
_COMMON = "deadline allowed-networks allowed-hosts allowed-ports user-agent accept-language max-per-host"

Show = Callable[[str, bytes, ScrapError | None], None]  # a URL, its Open Graph as JSON, and why there is none
Result = tuple[str, bytes, ScrapError | None]


@click.command(cls=SettingsCommand, headings=("Load", "Fetching"), common=_COMMON)
@click.argument("given", nargs=-1, required=True, metavar="URL...", help="Pages; - reads URLs from stdin, one a line.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "ndjson", "table"]),
    default="json",
    show_default=True,
    help="json: the Open Graph of one page, or an array of all; ndjson: one line a page; table: when all are there.",
)
def get(given: tuple[str, ...], form: str, **values: Any) -> None:
    """Print the Open Graph of pages, in the order of their URLs.

    \b
    Examples:
      scrap get https://ogp.me/
      scrap get --format table https://ogp.me/ https://example.com/
      scrap get --format ndjson - < urls.txt | jq -r .open_graph.title

    A page without Open Graph is {}. The exit code is 0, or the greatest of: 2 the URL or an option is invalid, 3 the
    page may not be fetched, 4 it could not be fetched, 5 it took too long, 70 internal error, 75 saturated, try again.
    """
    from scrap.cli.output import Output  # noqa: PLC0415 - rich, for which the service has no use

    output = Output(given, form)
    try:
        with output:
            uvloop.run(_each(_addresses(given), Settings(values), output.add))
    except SettingError as error:
        raise click.UsageError(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        raise  # click ends quietly
    except OSError as error:
        raise click.ClickException(str(error)) from None
    except Exception as error:  # noqa: BLE001 - any error ends with one line and an exit code
        output.fail(ScrapError(Reason.INTERNAL, repr(error)))
    sys.exit(max((EXIT_CODES[outcome] for outcome in output.failed), default=0))


def _addresses(given: tuple[str, ...]) -> Iterator[str]:
    for argument in given:
        if argument == "-":  # not sys.stdin: the interpreter could not end while a thread reads that
            with open(0, "rb", closefd=False) as stdin:
                while line := stdin.readline(_LONGEST_LINE):
                    rest = line
                    while not rest.endswith(b"\n") and (rest := stdin.readline(_LONGEST_LINE)):
                        pass
                    if address := line.strip():
                        yield urls.decode(address)
        else:
            yield urls.decode(os.fsencode(argument))


async def _each(addresses: Iterator[str], settings: Settings, show: Show) -> None:
    """Shows the result of each address in their order, as soon as it is there.

    So many pages are fetched at once that neither admission nor the per-host limit rejects one. A daemon thread reads
    the addresses, since stdin may block, and nothing can end its read.
    """
    most = min(settings[admission.AdmissionLimits].capacity, settings[fetch.FetchLimits].per_host)
    loop, slots = asyncio.get_running_loop(), threading.Semaphore(most)
    started: asyncio.Queue[asyncio.Task[Result] | OSError | None] = asyncio.Queue()

    def start(address: str) -> None:
        started.put_nowait(asyncio.create_task(_result(built, address)))

    def read() -> None:
        end = None
        with contextlib.suppress(RuntimeError):  # the loop is closed: the command has ended
            try:
                for address in addresses:
                    slots.acquire()
                    loop.call_soon_threadsafe(start, address)
            except OSError as error:
                end = error
            loop.call_soon_threadsafe(started.put_nowait, end)

    async with app.components(settings) as built:
        threading.Thread(target=read, daemon=True).start()
        while isinstance(task := await started.get(), asyncio.Task):
            show(*await task)
            slots.release()
    if task:
        raise task


async def _result(built: app.Components, url: str) -> Result:
    try:
        made = await built.previewer.make(urls.parse(url))
        entry = made.entry
        if entry.reason:
            raise UpstreamError(entry.reason, made.internal, status=entry.upstream_status)
        return url, entry.body, None
    except ScrapError as error:
        return url, b"", error
    except Exception as error:  # noqa: BLE001 - the other pages are still fetched
        return url, b"", ScrapError(Reason.INTERNAL, repr(error))
