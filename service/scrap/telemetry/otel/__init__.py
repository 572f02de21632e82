"""OpenTelemetry: traces, metrics and logs over OTLP, switched on and set by the standard `OTEL_…` variables.

Nothing of the SDK is imported before `start`: who does not use it pays neither its start time nor its memory.
"""

from scrap.telemetry.otel.signals import Signals, signals_of

__all__ = ["Signals", "signals_of"]
