"""The composition root: builds the service from its settings, runs it, and takes it down in order."""

import asyncio
import contextlib
import gc
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from socket import socket
from typing import Any, NamedTuple

from starlette.middleware import Middleware

from scrap import __version__, admission, api, api_docs, cache, clients, fetch, opengraph, telemetry, web
from scrap.cache import freshness
from scrap.errors import ScrapError
from scrap.events import BackgroundFailed, Emit, Handlers, ignore
from scrap.explanation import Explainer
from scrap.preview import Previewer
from scrap.settings import RequestLimits, Serving, SettingError, Settings, variables
from scrap.telemetry.otel import signals_of
from scrap.telemetry.sentry import SentrySettings
from scrap.turns import Turns

_STDOUT = 1
# Seconds that a thread may hold the interpreter while another waits. While html5lib works on a page (50 to 90 ms), the
# loop is 0.7 ms late at the median instead of 5.3, and 6 ms at the 99th percentile instead of 32.
SWITCH_INTERVAL = 0.0005
# For glibc, whose default with silent name servers is 10 s and more: such a look-up holds a thread that cannot be
# stopped. One second, then two; still longer than the time to connect where there are two servers.
_RESOLVER_OPTIONS = "timeout:1 attempts:2"

log = logging.getLogger(__name__)


class Components(NamedTuple):
    """The parts that the API and the metrics use."""

    previewer: Previewer
    cache: cache.Cache
    admission: admission.Admission
    cpu_usage: admission.CPUUsage
    explainer: Explainer
    turns: Turns


@contextlib.asynccontextmanager
async def build_components(settings: Settings, emit: Emit = ignore) -> AsyncIterator[Components]:
    """Builds all that previews need; takes it down in reverse. SettingError: the shared cache's URL cannot be read."""
    limits = settings[RequestLimits]
    async with contextlib.AsyncExitStack() as stack:
        executor = admission.Executor(limits.html5lib_workers)
        stack.callback(executor.close)
        turns = Turns()
        fetching = settings[fetch.FetchLimits]
        fetcher = fetch.Fetcher(limits=fetching, policy=settings[fetch.EgressPolicy], emit=emit, turns=turns)
        stack.push_async_callback(fetcher.aclose)
        try:
            previews = cache.Cache(settings[cache.CacheLimits], settings[cache.SharedSettings], emit=emit)
        except ValueError:  # its message may hold a piece of the password
            raise SettingError(
                f"{variables(cache.SharedSettings, 'url')} is no redis://, rediss:// or unix:// URL"
            ) from None
        previews.start()
        stack.push_async_callback(previews.aclose)
        cpu_usage = admission.CPUUsage(limit=admission.cpu_limit())
        stack.callback(asyncio.create_task(cpu_usage.keep_sampling()).cancel)
        control = admission.Admission(settings[admission.AdmissionLimits], cpu_usage=lambda: cpu_usage.share)
        previewer = Previewer(
            fetcher=fetcher,
            cache=previews,
            freshness=settings[freshness.FreshnessPolicy],
            admission=control,
            parsing=opengraph.ParseLimits(),
            turns=turns,
            executor=executor,
            deadline=limits.deadline,
            emit=emit,
        )
        stack.push_async_callback(previewer.aclose)
        explainer = Explainer(previewer, control, page_bytes=fetching.decoded_bytes, emit=emit)
        yield Components(previewer, previews, control, cpu_usage, explainer, turns)


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then drains.

    Readiness fails at once; running requests end; then the public port closes, and the management port last. All of it
    has one deadline: `ServerLimits.shutdown` seconds after the signal. SettingError, OSError: it cannot be started.
    """
    os.environ.setdefault("RES_OPTIONS", _RESOLVER_OPTIONS)
    async with contextlib.AsyncExitStack() as stack:
        limits = settings[api.ServerLimits]
        if settings[Serving].linger > limits.shutdown:
            shutdown = variables(api.ServerLimits, "shutdown")
            raise SettingError(f"{variables(Serving, 'linger')} is longer than {shutdown}")
        public_socket = stack.enter_context(_listen(settings, "host", "port"))
        management_socket = stack.enter_context(_listen(settings, "management_host", "management_port"))
        try:
            top_clients = clients.TopClients(settings[clients.ClientPolicy].log)
            metrics, emit = _telemetry(settings, stack, top_clients)
        except ValueError as error:  # of Sentry's setting or a variable of OpenTelemetry, which the SDK reads itself
            raise SettingError(str(error)) from error
        built = await stack.enter_async_context(build_components(settings, emit))
        metrics.registry.register(telemetry.StateCollector(built.admission, built.cpu_usage, built.cache))
        stopping = api.stop_signal()
        targets = api.TargetReader(settings[fetch.EgressPolicy].accept_language)
        reader = clients.ClientReader(settings[clients.ClientPolicy])
        page = settings[web.PageSettings]
        routes = [
            api.ExactRoute(api.scrap.PATH, api.ScrapEndpoint(built.previewer, targets)),
            api.explain_route(built.explainer, targets),
            *api_docs.routes(__version__, has_swagger_ui=page.is_on),
        ]
        if page.is_on:
            from scrap.web.page import pages  # noqa: PLC0415 - Jinja2, which nothing else needs

            endpoints = pages(built.explainer, targets.read, built.turns, page)
            routes += [api.ExactRoute(path, endpoint) for path, endpoint in endpoints.items()]
        shedder = Middleware(api.LoadShedder, admission=built.admission, previewer=built.previewer, targets=targets)
        around = api.cors(settings[api.CORSPolicy])
        public_app = api.application(routes, shedder, emit=emit, clients=reader, around=around)
        management_app = api.management_app(
            stopping=stopping, exposition=metrics.exposition, top_clients=top_clients.render
        )
        new_server = partial(api.Server, limits=limits, connections=settings[api.ConnectionLimits])
        sys.setswitchinterval(SWITCH_INTERVAL)
        gc.collect()
        gc.freeze()  # to walk what was imported and built blocked the event loop for 25 ms, once a second under load
        async with (
            new_server(management_app, emit=ignore, clients=reader).running(management_socket) as management,
            new_server(public_app, emit=emit, clients=reader).running(public_socket) as public,
        ):
            log.info("serving on %s, management on %s", _url_of(public_socket), _url_of(management_socket))
            await stopping.wait()
            log.info("draining")
            management.deadline = deadline = asyncio.get_running_loop().time() + limits.shutdown
            await public.drain(linger=settings[Serving].linger, deadline=deadline)


def _listen(settings: Settings, host: str, port: str) -> socket:
    where = settings[Serving]
    try:
        return api.listen(getattr(where, host), getattr(where, port), limits=settings[api.ServerLimits])
    except OSError as error:
        raise OSError(f"{error} ({variables(Serving, host, port)})") from error


def _url_of(listener: socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _telemetry(
    settings: Settings, stack: contextlib.AsyncExitStack, top_clients: clients.TopClients
) -> tuple[telemetry.Metrics, Emit]:
    """Starts telemetry; returns the metrics and the emit function. Large libraries are imported where they are used."""
    metrics = telemetry.Metrics(version=__version__, routes=api.ROUTES | api_docs.ROUTES | web.ROUTES)
    logs = settings[telemetry.LogSettings]
    lines = stack.enter_context(telemetry.log_queue(_STDOUT, dropped=metrics.lines_dropped.inc))
    lines.setFormatter(telemetry.formatter_for(_STDOUT, logs))
    handlers: list[logging.Handler] = [lines]
    sinks: dict[str, Handlers] = {}
    closings: list[Callable[[], None]] = []
    if wanted := signals_of(os.environ):
        from scrap.telemetry.otel.exporting import Exporting  # noqa: PLC0415 - 20 MB and half a second

        exporting = Exporting(wanted, version=__version__, metrics=metrics, queries=logs.queries)
        closings += exporting.closings
        sinks |= exporting.sinks
        handlers += exporting.log_handlers
    stack.enter_context(telemetry.capture_logging(logs, *handlers))
    if settings[SentrySettings].dsn:
        from scrap.telemetry.sentry.reporting import Reporting  # noqa: PLC0415 - likewise

        reporting = Reporting(settings[SentrySettings], version=__version__)
        closings.append(reporting.close)
        sinks["sentry"] = reporting.handlers
    stack.callback(telemetry.close_together, closings)  # its log lines are still written
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # app.py and the request's line log the rest
    stack.callback(asyncio.create_task(metrics.measure_lag()).cancel)
    sinks |= {"metrics": metrics.handlers, "log": telemetry.RequestLog().handlers, "clients": top_clients.handlers}
    emit = telemetry.FanOut(metrics.note_failed_sink, **sinks)
    asyncio.get_running_loop().set_exception_handler(partial(_failed_in_background, emit))
    return metrics, emit


def _failed_in_background(emit: Emit, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Emits the error of a task that nothing awaits: a background fetch, a callback."""
    loop.default_exception_handler(context)  # logs it
    error = context.get("exception")
    if error is not None and not isinstance(error, ScrapError | OSError):  # those are the web's fault
        emit(BackgroundFailed(error))
