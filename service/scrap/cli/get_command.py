"""`scrap get`: the Open Graph of pages, without a server."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import click
import orjson
import uvloop

from scrap import admission, app, fetch, urls
from scrap.cli.get_result import GetResult
from scrap.cli.settings_command import SettingsCommand
from scrap.errors import Reason, ScrapError
from scrap.settings import SettingError, Settings

_LONGEST_LINE = 64 * 1024  # bytes of stdin's; what follows is no URL, and is not kept
_COMMON = "deadline allowed-networks allowed-hosts allowed-ports user-agent accept-language max-per-host"
_FORMATS = "json: the Open Graph of one page, or an array; ndjson: one result per line; table: once all are finished."


@click.command(cls=SettingsCommand, headings=("Load", "Fetching"), common=_COMMON)
@click.argument("given", nargs=-1, required=True, metavar="URL...", help="Pages; - reads stdin, one URL per line.")
@click.option(
    "--format", "form", type=click.Choice(["json", "ndjson", "table"]), default="json", show_default=True, help=_FORMATS
)
@click.option(
    "-v", "--verbose", is_flag=True, help="Explain each result on stderr: redirects, times, parser, warnings."
)
def get(given: tuple[str, ...], form: str, verbose: bool, **values: Any) -> None:
    """Print the Open Graph of pages, in the order of their URLs.

    \b
    Examples:
      scrap get https://ogp.me/
      scrap get --format table https://ogp.me/ https://example.com/
      scrap get --format ndjson - < urls.txt | jq -r .open_graph.title

    A page without Open Graph is {}; -v says why. The exit code is 0, or the greatest of: 1 stdin or stdout failed,
    2 the URL or an option is invalid, 3 the page may not be fetched, 4 it could not be fetched, 5 it took too long,
    70 internal error, 75 saturated, try again.
    """
    from scrap.cli.output import Output  # noqa: PLC0415 - rich, for which the service has no use

    output = Output(given, form)
    try:
        try:
            output.bar.start()
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until the event loop handles it, in `_each`
            uvloop.run(_each(_addresses(given), Settings(values), verbose, output.add))
        finally:
            output.bar.stop()  # after a Ctrl-C in `start` as well, which has hidden the cursor
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        output.end()
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(128 + signal.SIGINT)  # as shells have it
    except (SettingError, BrokenPipeError):
        raise  # click shows the first, and ends quietly at the second
    except OSError as error:
        raise click.ClickException(str(error)) from None
    except Exception as error:  # noqa: BLE001 - any error ends with one line and an exit code
        output.fail(ScrapError(Reason.INTERNAL, repr(error)))
    sys.exit(output.exit_code)


def _addresses(given: tuple[str, ...]) -> Iterator[str]:
    for argument in given:
        if argument != "-":
            yield urls.decode(os.fsencode(argument))
            continue
        with open(0, "rb", closefd=False) as stdin:  # not sys.stdin: no interpreter ends while a thread reads that
            while line := stdin.readline(_LONGEST_LINE):
                rest = line
                while not rest.endswith(b"\n") and (rest := stdin.readline(_LONGEST_LINE)):
                    pass
                if address := line.strip():
                    yield urls.decode(address)


async def _each(addresses: Iterator[str], settings: Settings, verbose: bool, show: Callable[[GetResult], None]) -> None:
    """Shows the result of each address in their order, as soon as it is there.

    So many pages are fetched at once that neither admission nor the per-host limit rejects one. A daemon thread reads
    the addresses, since stdin may block, and nothing can end its read.
    """
    most = min(settings[admission.AdmissionLimits].capacity, settings[fetch.FetchLimits].per_host)
    loop, slots = asyncio.get_running_loop(), threading.Semaphore(most)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN and (this := asyncio.current_task()):
        loop.add_signal_handler(signal.SIGINT, this.cancel)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    started: asyncio.Queue[asyncio.Task[GetResult] | OSError | None] = asyncio.Queue()

    def start(address: str) -> None:
        started.put_nowait(asyncio.create_task(_result(built, address, verbose)))

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

    async with app.build_components(settings) as built:
        threading.Thread(target=read, daemon=True).start()
        while isinstance(task := await started.get(), asyncio.Task):
            show(await task)
            slots.release()
    if stdin_error := task:
        raise stdin_error


async def _result(built: app.Components, url: str, verbose: bool) -> GetResult:
    try:
        target = urls.parse(url)
        if verbose:
            preview, explanation = await built.explainer.explain(target)
        else:
            preview, explanation = await built.previewer.make(target), {}
        entry = preview.entry
        error = ScrapError(entry.reason, preview.internal) if entry.reason else None
        return GetResult(url, orjson.loads(entry.body or b"{}"), explanation, error, entry.upstream_status)
    except ScrapError as raised:
        return GetResult(url, {}, {}, raised)
    except Exception as raised:  # noqa: BLE001 - the other pages are still fetched
        return GetResult(url, {}, {}, ScrapError(Reason.INTERNAL, repr(raised)))
