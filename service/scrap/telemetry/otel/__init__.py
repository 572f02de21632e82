"""OpenTelemetry: traces, metrics and logs over OTLP, switched on and set by the standard `OTEL_…` variables.

`signals` reads them; nothing of the SDK is imported before `exporting` is, for its start time and its memory.
"""
