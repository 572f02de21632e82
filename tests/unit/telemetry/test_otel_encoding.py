"""The quick encoder of spans, beside the SDK's."""

from contextvars import copy_context
from dataclasses import replace

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from scrap.events import RequestStarted, ignore
from scrap.telemetry import FanOut
from scrap.telemetry.otel.call_spans import CallSpans
from scrap.telemetry.otel.encoding import Encoded, Encoder
from scrap.telemetry.otel.span import Span
from scrap.telemetry.otel.spans import Spans, bound_of
from tests.unit.telemetry.events import ENDED, EVENTS, FAILED, HIT, but, hits

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("started", [RequestStarted(), RequestStarted(CALLER), RequestStarted(CALLER, "vendor=1")])
def test_spans_are_encoded_as_the_sdk_encodes_them(started: RequestStarted) -> None:
    spans: list[Span] = []
    resource, scope = Resource({"service.name": "scrap"}), InstrumentationScope("scrap", "1")
    emit = FanOut(Spans(spans.append, ALWAYS_ON, bound_of({})), CallSpans(spans.append, ignore), failed=pytest.fail)
    context = copy_context()  # as the task of a request has one: its trace is not for other tests
    for event in (started, *EVENTS[1:], ENDED, but(FAILED, error=RuntimeError("no"))):
        context.run(emit, event)
    assert len(spans) > 5
    encoder = Encoder(resource, "1")
    encoded = ExportTraceServiceRequest.FromString(encoder.request(map(encoder.encode, spans)))
    assert encoded == encode_spans([span.readable(resource, scope) for span in spans])


@pytest.mark.parametrize("started", [RequestStarted(), RequestStarted(CALLER), RequestStarted(CALLER, "vendor=1")])
def test_hits_are_encoded_like_calls(started: RequestStarted) -> None:
    spans: list[Span] = []
    encoded: list[Encoded] = []
    encoder = Encoder(Resource({"service.name": "scrap"}), "1")

    def end(span: Span) -> None:
        spans.append(span)
        encoded.append(encoder.encode(span))

    follow = FanOut(Spans(spans.append, ALWAYS_ON, bound_of({})), failed=pytest.fail).follow
    assert follow
    trace = copy_context().run(follow, started)
    sink = FanOut(CallSpans(end, encoded.append), failed=pytest.fail)
    for hit in (
        (HIT.ending, "r-1", 0.001, 1_700_000_000.0, trace),
        (HIT.ending, "r-22", 0.002, 1_700_000_001.0, trace),
    ):
        sink(hits(hit, (HIT.ending, "r-3", 0.001, 1.0, None)))
    assert len(encoded) == 2
    first, second = (
        ExportTraceServiceRequest.FromString(encoder.request(encoded)).resource_spans[0].scope_spans[0].spans
    )
    second_as_span = replace(
        spans[0],
        started=1_700_000_000_998_000_000,
        ended=1_700_000_001_000_000_000,
        attributes={"scrap.request_id": "r-22"},
    )
    [expected] = (
        ExportTraceServiceRequest.FromString(encoder.request([encoder.encode(second_as_span)]))
        .resource_spans[0]
        .scope_spans[0]
        .spans
    )
    assert second == expected
    assert first.trace_id == second.trace_id


@pytest.mark.parametrize(
    ("environment", "share"),
    [
        ({}, 1.0),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, 1.0),  # to be asked
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}, 0.25),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, 0.0),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "x"}, 1.0),
    ],
)
def test_the_sampler_is_asked_only_where_it_may_say_yes(environment: dict[str, str], share: float) -> None:
    assert bound_of(environment) == round(share * 2**64)
