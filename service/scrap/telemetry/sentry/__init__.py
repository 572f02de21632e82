"""Sentry: our own unexpected failures, and a share of calls as transactions, once there is a DSN.

Nothing of the SDK is imported before `reporting` is: who does not use it pays neither its start time nor its memory.
"""

from dataclasses import dataclass

__all__ = ["SentrySettings"]


@dataclass(frozen=True, slots=True)
class SentrySettings:
    """Where failures of our own are sent."""

    # The project's address and key, as Sentry shows it (SENTRY_DSN). Empty: nothing is sent. A secret.
    dsn: str = ""

    # Which deployment this is, such as "production"; Sentry groups and filters by it (SENTRY_ENVIRONMENT).
    environment: str = "production"

    # The share of calls, 0.0 to 1.0, that are sent as transactions; each costs about 50 µs and a request to Sentry.
    # At 0.0, none: OpenTelemetry's traces go to Sentry as well, see docs/telemetry.md.
    traces_sample_rate: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.traces_sample_rate <= 1.0:
            raise ValueError(f"the share of calls to trace is {self.traces_sample_rate}: it has to be 0 to 1")
