"""Internal errors to Sentry: the SDK without integrations, and nothing private in what it sends."""

import logging
import time
import traceback
from collections import deque
from collections.abc import Callable, Hashable

import sentry_sdk
from sentry_sdk.types import Event, Hint
from sentry_sdk.utils import BadDsn

from scrap.errors import Outcome
from scrap.events import BackgroundFailed, Handlers, RequestEnded
from scrap.telemetry.redact import only_hosts
from scrap.telemetry.sentry import SentrySettings
from scrap.telemetry.trace import current_trace

log = logging.getLogger(__name__)


class ReportLimiter:
    """Admits `each` reports of a kind in any window of `window` seconds, and `overall` of all kinds."""

    def __init__(
        self, *, each: int = 5, overall: int = 30, window: float = 60, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._each, self._overall, self._window, self._clock = each, overall, window, clock
        self._passed: deque[tuple[float, Hashable]] = deque()  # within the last window: when, and of what kind
        self.suppressed = 0  # not admitted; who sends a report sets it to 0

    def take(self, kind: Hashable) -> bool:
        now = self._clock()
        while self._passed and self._passed[0][0] <= now - self._window:
            self._passed.popleft()
        if len(self._passed) >= self._overall or sum(passed == kind for _, passed in self._passed) >= self._each:
            self.suppressed += 1
            return False
        self._passed.append((now, kind))
        return True


class Reporting:
    """Reports the exceptions behind `INTERNAL_ERROR`, and those outside of any request. A sink; see `FanOut`.

    A report has the request's id, method, route, target host and trace id, and nothing else of the client; of URLs in a
    message only the hosts are left. The SDK queues within limits and sends from a thread of its own. ValueError: the
    DSN is none.
    """

    def __init__(self, settings: SentrySettings, *, version: str) -> None:
        self._limiter = ReportLimiter()
        try:
            sentry_sdk.init(
                dsn=settings.dsn,
                release=f"scrap@{version}",
                environment=settings.environment,
                before_send=_before_send,
                default_integrations=False,  # they send log lines, arguments and requests
                include_local_variables=False,  # they hold URLs with their queries, and headers
                send_client_reports=False,
                enable_backpressure_handling=False,
                transport_queue_size=100,  # more reports are dropped
            )
        except BadDsn as error:
            raise ValueError(f"SENTRY_DSN is no Sentry address: {error}") from error
        if settings.traces_sample_rate:
            log.warning("SENTRY_TRACES_SAMPLE_RATE has no effect: traces go to Sentry over OTLP, see docs/telemetry.md")
        self.close = sentry_sdk.get_client().close  # sends what is queued, for two seconds at most
        self.handlers: Handlers = {
            RequestEnded: self._request_ended,
            BackgroundFailed: lambda event: self._report(event.error, "background"),
        }

    def _request_ended(self, event: RequestEnded) -> None:
        if event.error is not None and event.outcome is Outcome.INTERNAL_ERROR:
            tags = {name: getattr(event, name) for name in ("request_id", "route", "method", "target_host")}
            self._report(event.error, f"{event.method} {event.route}", tags, event.target)

    def _report(self, error: BaseException, name: str, tags: dict[str, str] | None = None, target: str = "") -> None:
        raised_at = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)[-1:]]
        if self._limiter.take((type(error), *raised_at)):
            extras = {"suppressed_before": self._limiter.suppressed, "transaction": name, "target": target}
            self._limiter.suppressed = 0
            contexts = {"trace": trace.ids} if (trace := current_trace.get()) else {}
            sentry_sdk.capture_exception(error, tags=tags or {}, extras=extras, contexts=contexts)


def _before_send(event: Event, hint: Hint) -> Event | None:
    """Removes what is private from the messages of exceptions."""
    extra, tags = event["extra"], event.get("tags", {})
    event["transaction"] = str(extra.pop("transaction"))
    event.pop("breadcrumbs", None)
    target, host = str(extra.pop("target")), str(tags.get("target_host", ""))
    for exception in event["exception"]["values"]:
        exception["value"] = only_hosts(exception["value"], target, host)
    return event
