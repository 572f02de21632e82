"""Sentry: internal errors, once there is a DSN. Nothing of the SDK is imported before `reporting` is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SentrySettings:
    """Where internal errors are sent."""

    dsn: str = ""  # the project's address and key, a secret; empty: nothing is sent
    environment: str = "production"
    traces_sample_rate: float = 0.0  # without effect but a warning: traces go to Sentry over OTLP
