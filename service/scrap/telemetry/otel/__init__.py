"""OpenTelemetry over OTLP, and which signals are sent. Nothing of the SDK is imported before `exporting` is."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signals:
    """What is sent over OTLP. Where to, and how, the SDK reads itself."""

    traces: bool = False
    metrics: bool = False
    logs: bool = False
    metric_interval: float = 60.0  # seconds between two exports of metrics (OTEL_METRIC_EXPORT_INTERVAL, milliseconds)


def signals_of(environment: Mapping[str, str]) -> Signals | None:
    """Reads the standard variables (OpenTelemetry specification, SDK environment variables); None: nothing is sent.

    A signal is on once it has an endpoint, its own or the common one, unless its exporter is `none`. ValueError: a
    variable has a value that is not supported; the message names it.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    interval = environment.get("OTEL_METRIC_EXPORT_INTERVAL") or "60000"
    if not interval.isdecimal() or not int(interval):
        raise ValueError(f"OTEL_METRIC_EXPORT_INTERVAL is {interval!r}: it has to be a number of milliseconds")
    on = {signal.lower(): _is_on(environment, signal) for signal in ("TRACES", "METRICS", "LOGS")}
    return Signals(**on, metric_interval=int(interval) / 1000) if any(on.values()) else None


def _is_on(environment: Mapping[str, str], signal: str) -> bool:
    own, common = f"OTEL_EXPORTER_OTLP_{signal}_", "OTEL_EXPORTER_OTLP_"
    if not (environment.get(f"{own}ENDPOINT") or environment.get(f"{common}ENDPOINT")):
        return False
    name = f"OTEL_{signal}_EXPORTER"
    exporter = environment.get(name) or "otlp"
    if exporter not in {"otlp", "none"}:
        raise ValueError(f"{name} is {exporter!r}: only otlp and none are supported")
    name = f"{own}PROTOCOL" if environment.get(f"{own}PROTOCOL") else f"{common}PROTOCOL"
    protocol = environment.get(name) or "http/protobuf"
    if exporter == "otlp" and protocol != "http/protobuf":
        raise ValueError(f"{name} is {protocol!r}: only http/protobuf is supported")
    return exporter == "otlp"
