"""Sentry: internal errors, once there is a DSN. Nothing of the SDK is imported before `reporting` is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SentrySettings:
    """Where internal errors are sent."""

    # The project's address and key, as Sentry shows it (SENTRY_DSN). Empty: nothing is sent. A secret.
    dsn: str = ""

    # Which deployment this is, such as "production"; Sentry groups and filters by it (SENTRY_ENVIRONMENT).
    environment: str = "production"

    # Without effect, and a warning where it is not 0: traces go to Sentry over OTLP, see docs/telemetry.md.
    traces_sample_rate: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.traces_sample_rate <= 1.0:
            raise ValueError(f"the share of requests to trace is {self.traces_sample_rate}: it has to be 0 to 1")
