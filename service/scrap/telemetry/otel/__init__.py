"""OpenTelemetry over OTLP, set by the standard `OTEL_…` variables; its SDK is imported by `exporting` alone."""
