"""The SDK, put together: a client of our own without integrations, breadcrumbs, sessions or global state."""

from typing import Final

import sentry_sdk
from sentry_sdk.utils import BadDsn

from scrap.telemetry.sentry import SentrySettings
from scrap.telemetry.sentry.errors import Errors
from scrap.telemetry.sentry.transactions import Transactions
from scrap.telemetry.sinks import Sink

_QUEUE: Final = 100  # envelopes that may wait for Sentry; more are dropped


class Reporting:
    """Sends to Sentry until it is closed.

    The SDK queues within bounds and sends from a thread of its own.

    Args:
        settings: with a DSN.
        version: the service's; Sentry's release.

    Attributes:
        first: the sinks it brings that follow a call while it goes on; see `FanOut`.
        sinks: those that may be told later; see `Gathering`.

    Raises:
        ValueError: the DSN is none; the message names the setting.
    """

    def __init__(self, settings: SentrySettings, *, version: str) -> None:
        try:
            self._client = sentry_sdk.Client(
                dsn=settings.dsn,
                release=f"scrap@{version}",
                environment=settings.environment,
                # Ours alone: an integration would send log lines, arguments, requests and what it hooks into next.
                default_integrations=False,
                auto_enabling_integrations=False,
                auto_session_tracking=False,
                max_breadcrumbs=0,
                # Local variables hold URLs with their queries, and headers.
                include_local_variables=False,
                # No personal data is the default, and what would collect any is not there.
                max_request_body_size="never",
                propagate_traces=False,
                send_client_reports=False,
                enable_backpressure_handling=False,
                enable_metrics=False,
                transport_queue_size=_QUEUE,
                spotlight=False,
            )
        except BadDsn as error:
            raise ValueError(f"SENTRY_DSN is no Sentry address: {error}") from error
        self.sinks: list[Sink] = [Errors(self._client)]
        self.first: list[Sink] = []
        if settings.traces_sample_rate:
            self.first.append(Transactions(self._client, settings.traces_sample_rate))

    def close(self, timeout: float = 2.0) -> None:
        """Sends what waits, for `timeout` seconds at most."""
        self._client.close(timeout)
