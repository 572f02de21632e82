"""Spans as OTLP, quickly.

The SDK's encoder takes ten times as long: most attributes of most spans are the same pairs
over and over, and are made once, as bytes. Two messages behind each other are one that has the fields of both (Protocol
Buffers, encoding), so a span is put together from such pieces. What is rare in a span of ours (events, trace state) is
left to the SDK's.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, cast

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2 as proto
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from scrap.telemetry.otel.span import Common, Span

_KINDS: Final = {
    SpanKind.INTERNAL: proto.Span.SPAN_KIND_INTERNAL,
    SpanKind.SERVER: proto.Span.SPAN_KIND_SERVER,
    SpanKind.CLIENT: proto.Span.SPAN_KIND_CLIENT,
}
# The fields that hold one message in another: ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans,
# ScopeSpans.spans.
_RESOURCE_SPANS: Final = 1
_SCOPE_SPANS: Final = 2
_SPANS: Final = 2
# Span.attributes, KeyValue.key, KeyValue.value, AnyValue.string_value.
_ATTRIBUTES: Final = 9
_KEY: Final = 1
_VALUE: Final = 2
_STRING: Final = 1
_LOCAL: Final = proto.SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
_REMOTE: Final = _LOCAL | proto.SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
# Attributes of which hardly two spans have the same, so that to remember them is of no use.
_NEW: Final = frozenset({"scrap.request_id", "url.full"})


class Encoder:
    """Encodes spans of one sender.

    Args:
        resource: the sender.
        version: the service's.
    """

    def __init__(self, resource: Resource, version: str) -> None:
        self._resource = resource
        self._scope = InstrumentationScope("scrap", version)
        any_span = Span("", 1, 1, 0, False, None, 1, 1, {}).readable(resource, self._scope)
        said = encode_spans([any_span]).resource_spans[0]
        scope = said.scope_spans[0]
        del scope.spans[:]
        self._scope_said = scope.SerializeToString()
        del said.scope_spans[:]
        self._resource_said = said.SerializeToString()

    def encode(self, spans: Iterable[Span]) -> bytes:
        """Encodes spans: an ExportTraceServiceRequest."""
        inner = self._scope_said + b"".join([_field(_SPANS, self._encoded(span)) for span in spans])
        return _field(_RESOURCE_SPANS, self._resource_said + _field(_SCOPE_SPANS, inner))

    def _encoded(self, span: Span) -> bytes:
        if span.exception or span.state:
            readable = span.readable(self._resource, self._scope)
            return bytes(encode_spans([readable]).resource_spans[0].scope_spans[0].spans[0].SerializeToString())
        pieces = [
            # trace_id, span_id, start_time_unix_nano and end_time_unix_nano: fields 1, 2, 7 and 8
            b"\x0a\x10%b\x12\x08%b\x39%b\x41%b"
            % (
                span.trace_id.to_bytes(16, "big"),
                span.span_id.to_bytes(8, "big"),
                span.started.to_bytes(8, "little"),
                span.ended.to_bytes(8, "little"),
            ),
            _kind(span.name, span.kind, span.is_error, span.is_remote),
        ]
        if span.parent_id:
            pieces.append(b"\x22\x08" + span.parent_id.to_bytes(8, "big"))  # parent_span_id: field 4
        if span.common:
            pieces.append(span.common.encoded or _said(span.common))
        for name, value in span.attributes.items():
            pieces.append(_text(name, str(value)) if name in _NEW else _pair(name, value))
        return b"".join(pieces)


class SpanExporter(OTLPSpanExporter):
    """The SDK's exporter over HTTP, all of whose variables count, with an encoder of ours.

    Args:
        encoder: the encoder.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self._encode = encoder.encode

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends spans of ours, which the processor takes for the SDK's; waits for as long as that takes."""
        sent = self._client.export(self._encode(cast("Sequence[Span]", spans)))
        return SpanExportResult.SUCCESS if sent.success else SpanExportResult.FAILURE


def _field(number: int, message: bytes) -> bytes:
    """A message, or a text, as a field of another; its number is below 16."""
    length = len(message)
    if length <= 0x7F:
        return b"%c%c%b" % (number << 3 | 2, length, message)
    size = bytearray()
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    size.append(length)
    return b"%c%b%b" % (number << 3 | 2, bytes(size), message)


@lru_cache(256)
def _kind(name: str, kind: SpanKind, is_error: bool, is_remote: bool) -> bytes:
    code = proto.Status.STATUS_CODE_ERROR if is_error else proto.Status.STATUS_CODE_UNSET
    status, flags = proto.Status(code=code), _REMOTE if is_remote else _LOCAL
    return bytes(proto.Span(name=name, kind=_KINDS[kind], status=status, flags=flags).SerializeToString())


@lru_cache(64)
def _key(name: str) -> bytes:
    return _field(_KEY, name.encode())


def _text(name: str, value: str) -> bytes:
    return _field(_ATTRIBUTES, _key(name) + _field(_VALUE, _field(_STRING, value.encode())))


@lru_cache(1024, typed=True)
def _pair(name: str, value: AttributeValue) -> bytes:
    return bytes(proto.Span(attributes=[KeyValue(key=name, value=_value(value))]).SerializeToString())


def _said(common: Common) -> bytes:
    common.encoded = b"".join([_pair(name, value) for name, value in common.attributes.items()])
    return common.encoded


def _value(value: AttributeValue) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case _:
            return AnyValue(string_value=str(value))
