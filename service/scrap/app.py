"""The composition root: builds the house from its settings, runs it, and takes it down in order."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from scrap import __version__, admission, api, cache, fetch, opengraph, telemetry
from scrap.cache import freshness, remote
from scrap.events import Emit, ignore
from scrap.preview import Previewer
from scrap.settings import Calls, Serving, SettingError, Settings
from scrap.telemetry import otel
from scrap.telemetry.sentry import SentrySettings

_STDOUT = 1
# Seconds that a thread may hold the interpreter while another waits. While html5lib works on a page (50 to 90 ms), the
# loop is 0.7 ms late at the median instead of 5.3, and 6 ms at the 99th percentile instead of 32.
_SWITCH_INTERVAL = 0.0005
# For glibc, which asks silent name servers for 10 s and more otherwise: such a look-up holds a thread that nobody can
# stop. One second, then two; still longer than a fetch wants to wait for a connection where there are two servers.
_RESOLVER_OPTIONS = "timeout:1 attempts:2"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class House:
    """What makes previews, and what can be seen of it."""

    previewer: Previewer
    cache: cache.Cache
    admission: admission.Admission


@contextlib.asynccontextmanager
async def house(settings: Settings, emit: Emit = ignore) -> AsyncIterator[House]:
    """Builds all that previews need; takes it down in reverse."""
    loop = asyncio.get_running_loop()
    calls = settings[Calls]
    async with contextlib.AsyncExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(calls.html5lib_workers, thread_name_prefix="html5lib"))
        fetcher = fetch.Fetcher(limits=settings[fetch.Limits], policy=settings[fetch.Policy], emit=emit)
        stack.push_async_callback(fetcher.aclose)
        kept = cache.Cache(settings[cache.Limits], settings[remote.Remote], emit=emit)
        kept.start()
        stack.push_async_callback(kept.aclose)
        busy = admission.Busy()
        busy.start()
        stack.callback(busy.stop)
        places = admission.Admission(settings[admission.Limits], emit=emit, busy=lambda: busy.share)
        parsing = opengraph.Limits()

        async def read_with_html5lib(reading: opengraph.Reading) -> opengraph.Document:
            return await loop.run_in_executor(pool, lambda: opengraph.read_with_html5lib(reading.text, parsing))

        previewer = Previewer(
            fetcher=fetcher,
            cache=kept,
            freshness=settings[freshness.Policy],
            admission=places,
            parsing=parsing,
            read_with_html5lib=read_with_html5lib,
            deadline=calls.deadline,
            emit=emit,
        )
        stack.push_async_callback(previewer.aclose)
        yield House(previewer, kept, places)


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then drains.

    Readiness drops at once; what is under way ends; only then new connections are refused; the management port
    goes last.

    Raises:
        SettingError: telemetry cannot be started as it is set.
        OSError: a port cannot be had.
    """
    where = settings[Serving]
    sys.setswitchinterval(_SWITCH_INTERVAL)
    os.environ.setdefault("RES_OPTIONS", _RESOLVER_OPTIONS)
    async with contextlib.AsyncExitStack() as stack:
        limits = settings[api.ServerLimits]
        public_socket = stack.enter_context(api.listen(where.host, where.port, limits=limits))
        management_socket = stack.enter_context(api.listen(where.management_host, where.management_port, limits=limits))

        try:
            metrics, emit = _signals(settings, stack)
        except ValueError as error:
            raise SettingError(str(error)) from error
        built = await stack.enter_async_context(house(settings, emit))
        _observe(metrics, built)
        stopped = asyncio.Event()
        calls = api.public_app(built.previewer, emit=emit, version=__version__)
        management = api.management_app(is_ready=lambda: not stopped.is_set(), exposition=metrics.exposition)
        new_server = partial(api.Server, limits=limits, connections=settings[api.ConnectionLimits])
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        async with (
            new_server(management).running(management_socket),
            new_server(calls).running(public_socket) as public,
        ):
            log.info("serving on %s, management on %s", api.url_of(public_socket), api.url_of(management_socket))
            await stopped.wait()
            log.info("draining")
            await public.drain(linger=where.linger)


def _signals(settings: Settings, stack: contextlib.AsyncExitStack) -> tuple[telemetry.Metrics, Emit]:
    """Starts all that takes events; what needs a library that is large is imported only where it is wanted."""
    metrics = telemetry.Metrics(version=__version__, routes=api.ROUTES)
    logs = settings[telemetry.LogSettings]
    writer = stack.enter_context(telemetry.LineWriter(_STDOUT, dropped=metrics.note_dropped_lines))
    lines = telemetry.lines_for(_STDOUT, logs)
    sinks: list[telemetry.Sink] = []
    handlers: list[logging.Handler] = []
    wanted = otel.signals_of(os.environ)
    if wanted:
        from scrap.telemetry.otel.exporting import Exporting  # noqa: PLC0415 - 20 MB and half a second

        exporting = Exporting(wanted, version=__version__, registry=metrics.registry, logs=logs)
        stack.callback(exporting.close)
        sinks += exporting.sinks
        handlers += exporting.log_handlers
    sinks += [metrics, telemetry.RequestLog(writer, lines, logs)]
    if settings[SentrySettings].dsn:
        from scrap.telemetry.sentry.reporting import Reporting  # noqa: PLC0415 - likewise

        reporting = Reporting(settings[SentrySettings], version=__version__)
        stack.callback(reporting.close)
        sinks += reporting.sinks
    stack.enter_context(telemetry.capture_logging(writer, lines, logs, *handlers))
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # what it says of starts and bad requests, we say ourselves
    lag = telemetry.LoopLag(metrics.note_lag)
    lag.start()
    stack.callback(lag.stop)
    return metrics, telemetry.fan_out(*sinks, failed=metrics.note_failed_sink)


def _observe(metrics: telemetry.Metrics, built: House) -> None:
    """Lets scrapes read what no event tells."""
    places, kept = built.admission, built.cache
    metrics.observe_admission(
        in_flight=lambda: places.in_flight,
        waiting=lambda: places.waiting,
        capacity=lambda: places.capacity,
        saturation=lambda: places.saturation,
    )
    metrics.observe_cache(entries=lambda: kept.stats().entries, size=lambda: kept.stats().used)
    if kept.stats().shared_up is not None:
        metrics.observe_shared_cache(up=lambda: bool(kept.stats().shared_up))
