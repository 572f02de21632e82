"""Our own unexpected failures."""

import sentry_sdk
from sentry_sdk.utils import event_from_exception

from scrap.errors import Outcome
from scrap.events import BackgroundFailed, RequestEnded, ignore
from scrap.telemetry.redact import only_hosts
from scrap.telemetry.sentry.allowance import Allowance
from scrap.telemetry.sinks import Handlers, Hits
from scrap.telemetry.trace import current_trace


class Errors:
    """Sends the exceptions behind `INTERNAL_ERROR`, and those that no call could tell of. A sink; see `FanOut`.

    Never the web's failures or the callers'. With each goes what helps to find the call (request id, route, the
    target's host, the trace) and nothing of who made it. Of URLs in a message only the hosts are left.

    Args:
        client: Sentry's.
        allowance: how many are enough.
    """

    name = "sentry"

    def __init__(self, client: sentry_sdk.Client, allowance: Allowance | None = None) -> None:
        self._client = client
        self._allowance = allowance or Allowance()
        self.handlers: Handlers = {
            RequestEnded: self._request_ended,
            Hits: ignore,  # what was answered did not fail
            BackgroundFailed: self._background_failed,
        }

    def _request_ended(self, event: RequestEnded) -> None:
        ending = event.ending
        error = event.detail.error if event.detail and ending.outcome is Outcome.INTERNAL_ERROR else None
        if error and self._allowance.take(_kind(error)):
            tags = {
                "request_id": event.request_id,
                "route": ending.route,
                "method": ending.method,
                "target_host": ending.target_host,
            }
            self._send(error, f"{ending.method} {ending.route}", tags, ending.target, ending.target_host)

    def _background_failed(self, failed: BackgroundFailed) -> None:
        if self._allowance.take(_kind(failed.error)):
            self._send(failed.error, "background", {})

    def _send(
        self, error: BaseException, transaction: str, tags: dict[str, str], target: str = "", host: str = ""
    ) -> None:
        mechanism = {"type": "scrap", "handled": True}
        event, hint = event_from_exception(error, client_options=self._client.options, mechanism=mechanism)
        for exception in event["exception"]["values"]:
            exception["value"] = only_hosts(exception["value"], target, host)
        event["transaction"] = transaction
        event["tags"] = tags
        event["extra"] = {"suppressed_before": self._allowance.suppressed}
        if trace := current_trace.get():
            event["contexts"] = {"trace": {"trace_id": trace.trace_id, "span_id": trace.span_id}}
        self._allowance.suppressed = 0
        self._client.capture_event(event, hint)


def _kind(error: BaseException) -> tuple[type[BaseException], str, int]:
    """What makes two errors one: the type, and the line that raised."""
    traceback = error.__traceback__
    if not traceback:
        return type(error), "", 0
    while traceback.tb_next:
        traceback = traceback.tb_next
    return type(error), traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
