"""Which signals OpenTelemetry's standard variables ask for."""

import pytest

from scrap.telemetry.otel import Signals, signals_of

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("environment", "signals"),
    [
        ({}, None),
        ({"OTEL_SERVICE_NAME": "scrap", "OTEL_EXPORTER_OTLP_ENDPOINT": ""}, None),
        (ENDPOINT, Signals(traces=True, metrics=True, logs=True)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, Signals(traces=True)),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://collector:4318/v1/metrics"}, Signals(metrics=True)),
        ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://collector:4318/v1/logs"}, Signals(logs=True)),
        (ENDPOINT | {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}, Signals(traces=True)),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "none"}, Signals(traces=True, metrics=True)),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, None),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "false"}, Signals(traces=True, metrics=True, logs=True)),
        (ENDPOINT | {"OTEL_METRIC_EXPORT_INTERVAL": "5000"}, Signals(True, True, True, metric_interval=5.0)),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, Signals(True, True, True)),
    ],
)
def test_a_signal_is_on_once_it_has_an_endpoint(environment: dict[str, str], signals: Signals | None) -> None:
    assert signals_of(environment) == signals


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1s"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
    ],
)
def test_what_is_not_here_is_an_error_that_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is '{value}'"):
        signals_of(ENDPOINT | {name: value})


def test_a_signal_that_is_off_may_have_any_protocol() -> None:
    environment = ENDPOINT | {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}
    assert signals_of(environment) == Signals(metrics=True, logs=True)
