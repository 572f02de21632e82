"""A share of calls as Sentry's transactions, made of the same events as OpenTelemetry's spans."""

import os
import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sentry_sdk

from scrap.events import FetchEnded, HopEnded, PageParsed, RequestEnded, RequestStarted
from scrap.telemetry.sinks import Handlers

if TYPE_CHECKING:
    from sentry_sdk.types import Event


@dataclass(slots=True)
class _Transaction:
    trace_id: str
    span_id: str
    started: float
    spans: list[dict[str, Any]] = field(default_factory=list)

    def add(self, op: str, description: str, started: float, seconds: float, data: dict[str, Any]) -> None:
        """Adds a span of the past."""
        self.spans.append(
            {
                "trace_id": self.trace_id,
                "span_id": os.urandom(8).hex(),
                "parent_span_id": self.span_id,
                "op": op,
                "description": description,
                "start_timestamp": started,
                "timestamp": started + seconds,
                "data": data,
            }
        )


# Of the current call, where it was chosen.
_current: ContextVar[_Transaction | None] = ContextVar("_current", default=None)


class Transactions:
    """Sends a share of calls. A sink; see `FanOut`.

    Args:
        client: Sentry's.
        rate: the share, 0.0 to 1.0.
        draw: draws from [0, 1).
    """

    name = "sentry_traces"

    def __init__(self, client: sentry_sdk.Client, rate: float, draw: Callable[[], float] = random.random) -> None:
        self._client = client
        self._rate = rate
        self._draw = draw
        self.handlers: Handlers = {
            RequestStarted: self._request_started,
            HopEnded: self._hop_ended,
            FetchEnded: self._fetch_ended,
            PageParsed: self._page_parsed,
            RequestEnded: self._request_ended,
        }

    def _request_started(self, event: RequestStarted) -> None:
        chosen = self._draw() < self._rate
        _current.set(_Transaction(os.urandom(16).hex(), os.urandom(8).hex(), time.time()) if chosen else None)

    def _hop_ended(self, event: HopEnded) -> None:
        if transaction := _current.get():
            data = {"http.response.status_code": event.status, "error.type": event.reason}
            transaction.add("http.client", f"GET {event.host}", event.started, event.seconds, data)

    def _fetch_ended(self, event: FetchEnded) -> None:
        if transaction := _current.get():
            data = {"http.response.body.size": event.wire_bytes, "scrap.truncated": event.truncated}
            transaction.add("http.client.body", "read body", time.time() - event.body, event.body, data)

    def _page_parsed(self, event: PageParsed) -> None:
        if transaction := _current.get():
            data = {"scrap.lane": event.lane, "scrap.unsure": event.unsure}
            transaction.add("parse", "parse", event.started, event.seconds, data)

    def _request_ended(self, event: RequestEnded) -> None:
        transaction = _current.get()
        if not transaction:
            return
        ending = event.ending
        trace: dict[str, object] = {
            "trace_id": transaction.trace_id,
            "span_id": transaction.span_id,
            "op": "http.server",
            "status": "internal_error" if ending.status >= 500 else "ok",
        }
        sent: Event = {
            "type": "transaction",
            "transaction": f"{ending.method} {ending.route}",
            "transaction_info": {"source": "route"},
            "start_timestamp": datetime.fromtimestamp(transaction.started, UTC),
            "timestamp": datetime.fromtimestamp(transaction.started + (event.seconds or 0.0), UTC),
            "contexts": {"trace": trace},
            "tags": {"outcome": ending.outcome, "request_id": event.request_id, "target_host": ending.target_host},
            "spans": transaction.spans,
        }
        _current.set(None)  # a fetch in the background may go on, but its call is told
        self._client.capture_event(sent)
