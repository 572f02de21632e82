"""Spans as OTLP, quickly.

The SDK's encoder takes 50 µs for the span of a call, this one 8: most attributes of most spans are the same pairs
over and over, and are made once, as bytes. Two messages behind each other are one that has the fields of both (Protocol
Buffers, encoding), so a span is put together from such pieces. What is rare in a span of ours (events, trace state) is
left to the SDK's.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags, Status
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode

_KINDS: Final = {
    SpanKind.INTERNAL: Span.SPAN_KIND_INTERNAL,
    SpanKind.SERVER: Span.SPAN_KIND_SERVER,
    SpanKind.CLIENT: Span.SPAN_KIND_CLIENT,
}
_STATUSES: Final = {
    StatusCode.UNSET: Status(code=Status.STATUS_CODE_UNSET),
    StatusCode.ERROR: Status(code=Status.STATUS_CODE_ERROR),
}
# The fields that hold one message in another: ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans,
# ScopeSpans.spans.
_RESOURCE_SPANS: Final = 1
_SCOPE_SPANS: Final = 2
_SPANS: Final = 2
_LOCAL: Final = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
_REMOTE: Final = _LOCAL | SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK


class SpanExporter(OTLPSpanExporter):
    """The SDK's exporter over HTTP, all of whose variables count, with the encoder of this module."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends spans; waits for as long as that takes."""
        sent = self._client.export(encode(spans))
        return SpanExportResult.SUCCESS if sent.success else SpanExportResult.FAILURE


def encode(spans: Sequence[ReadableSpan]) -> bytes:
    """Encodes spans of one resource and one scope, of which there is one at least: an ExportTraceServiceRequest."""
    resource = encode_spans(spans[:1]).resource_spans[0]
    scope = resource.scope_spans[0]
    del scope.spans[:]
    inner = scope.SerializeToString() + b"".join([_field(_SPANS, _encoded(span)) for span in spans])
    del resource.scope_spans[:]
    return _field(_RESOURCE_SPANS, resource.SerializeToString() + _field(_SCOPE_SPANS, inner))


def _field(number: int, message: bytes) -> bytes:
    """A message as a field of another; its number is below 16."""
    size, length = bytearray(), len(message)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    size.append(length)
    return b"%c%b%b" % (number << 3 | 2, bytes(size), message)


def _encoded(span: ReadableSpan) -> bytes:
    context, parent = span.context, span.parent
    assert span.start_time  # noqa: S101 - every span of ours was started
    assert span.end_time  # noqa: S101 - and is over
    if span.events or span.links or context.trace_state:
        slowly: Span = encode_spans([span]).resource_spans[0].scope_spans[0].spans[0]
        return bytes(slowly.SerializeToString())
    own = Span(
        trace_id=context.trace_id.to_bytes(16, "big"),
        span_id=context.span_id.to_bytes(8, "big"),
        parent_span_id=parent.span_id.to_bytes(8, "big") if parent else b"",
        start_time_unix_nano=span.start_time,
        end_time_unix_nano=span.end_time,
    )
    flags = _REMOTE if parent and parent.is_remote else _LOCAL
    pieces = [own.SerializeToString(), _kind(span.name, span.kind, span.status.status_code, flags)]
    pieces += [_pair(name, value) for name, value in (span.attributes or {}).items()]
    return b"".join(pieces)


@lru_cache(256)
def _kind(name: str, kind: SpanKind, status: StatusCode, flags: int) -> bytes:
    return bytes(Span(name=name, kind=_KINDS[kind], status=_STATUSES[status], flags=flags).SerializeToString())


@lru_cache(1024, typed=True)
def _pair(name: str, value: str | bool | float) -> bytes:
    return bytes(Span(attributes=[KeyValue(key=name, value=_value(value))]).SerializeToString())


def _value(value: str | bool | float) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case _:
            return AnyValue(string_value=value)
