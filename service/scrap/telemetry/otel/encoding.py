"""Spans as OTLP, quickly.

The SDK's encoder takes ten times as long: most attributes of most spans are the same pairs
over and over, and are made once, as bytes. Two messages behind each other are one that has the fields of both (Protocol
Buffers, encoding), so a span is put together from such pieces. What is rare in a span of ours (events, trace state) is
left to the SDK's.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from struct import Struct
from typing import ClassVar, Final, cast

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2 as proto
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.util.types import AttributeValue

from scrap.telemetry.otel.span import Span

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
# Span.trace_id and span_id (1, 2), bytes; start_time_unix_nano and end_time_unix_nano (7, 8), fixed64.
_IDS: Final = Struct(">2sQQ2sQ").pack
_TIMES: Final = Struct("<cQcQ").pack
_LOW: Final = (1 << 64) - 1
_LOCAL: Final = proto.SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
_REMOTE: Final = _LOCAL | proto.SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
# Attributes of which hardly two spans have the same, so that to remember them is of no use.
_NEW: Final = frozenset({"scrap.request_id", "url.full"})


class Encoded(bytes):
    """A span as OTLP, on its way to the exporter."""

    __slots__ = ()

    # All that the SDK's batch processor asks of a span: whether its trace is sampled.
    context: ClassVar[SpanContext] = SpanContext(1, 1, False, TraceFlags(TraceFlags.SAMPLED))


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

    def request(self, spans: Iterable[Encoded]) -> bytes:
        """What is sent of spans: an ExportTraceServiceRequest."""
        inner = self._scope_said + b"".join(spans)
        return _field(_RESOURCE_SPANS, self._resource_said + _field(_SCOPE_SPANS, inner))

    def encode(self, span: Span) -> Encoded:
        """Encodes a span."""
        if span.exception or span.state:
            readable = span.readable(self._resource, self._scope)
            message = encode_spans([readable]).resource_spans[0].scope_spans[0].spans[0].SerializeToString()
            return Encoded(_field(_SPANS, message))
        said = span.common.encoded.get(span.is_remote) or _said(span) if span.common else _kind(span)
        own = [
            text_of(name, str(value)) if name in _NEW else _pair(name, value) for name, value in span.attributes.items()
        ]
        return put(span.trace_id, span.span_id, span.parent_id, span.started, span.ended, said, b"".join(own))


def put(trace_id: int, span_id: int, parent_id: int, started: int, ended: int, said: bytes, own: bytes) -> Encoded:
    """Puts a span together.

    Args:
        trace_id: and all that follow, see `Span`.
        said: what it has in common with others; see `Common`.
        own: its own attributes.
    """
    parent = b"\x22\x08" + parent_id.to_bytes(8, "big") if parent_id else b""  # parent_span_id: field 4
    ids = _IDS(b"\x0a\x10", trace_id >> 64, trace_id & _LOW, b"\x12\x08", span_id)
    return Encoded(_field(_SPANS, b"%b%b%b%b%b" % (ids, _TIMES(b"\x39", started, b"\x41", ended), said, parent, own)))


class SpanExporter(OTLPSpanExporter):
    """The SDK's exporter over HTTP, all of whose variables count, with an encoder of ours.

    Args:
        encoder: the encoder.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self._request = encoder.request

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends what the processor took for spans of the SDK's; waits for as long as that takes."""
        sent = self._client.export(self._request(cast("Sequence[Encoded]", spans)))
        return SpanExportResult.SUCCESS if sent.success else SpanExportResult.FAILURE


def _field(number: int, message: bytes) -> bytes:
    """A message, or a text, as a field of another; its number is below 16."""
    length = len(message)
    if length <= 0x7F:
        return b"%c%c%b" % (number << 3 | 2, length, message)
    if length <= 0x3FFF:  # a span
        return b"%c%c%c%b" % (number << 3 | 2, length & 0x7F | 0x80, length >> 7, message)
    size = bytearray()
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    size.append(length)
    return b"%c%b%b" % (number << 3 | 2, bytes(size), message)


def _kind(span: Span) -> bytes:
    return _remembered_kind(span.name, span.kind, span.is_error, span.is_remote)


@lru_cache(256)
def _remembered_kind(name: str, kind: SpanKind, is_error: bool, is_remote: bool) -> bytes:
    code = proto.Status.STATUS_CODE_ERROR if is_error else proto.Status.STATUS_CODE_UNSET
    status, flags = proto.Status(code=code), _REMOTE if is_remote else _LOCAL
    return bytes(proto.Span(name=name, kind=_KINDS[kind], status=status, flags=flags).SerializeToString())


def text_of(name: str, value: str) -> bytes:
    """An attribute that is a text."""
    text = value.encode()
    return _before(name, len(text)) + text


@lru_cache(1024)
def _before(name: str, length: int) -> bytes:
    """What stands before the value of an attribute that is a text of so many bytes."""
    text = b"\0" * length
    whole = _field(_ATTRIBUTES, _field(_KEY, name.encode()) + _field(_VALUE, _field(_STRING, text)))
    return whole[: len(whole) - length]


@lru_cache(1024, typed=True)
def _pair(name: str, value: AttributeValue) -> bytes:
    return bytes(proto.Span(attributes=[KeyValue(key=name, value=_value(value))]).SerializeToString())


def _said(span: Span) -> bytes:
    assert span.common  # noqa: S101 - asked only of those
    pairs = [_pair(name, value) for name, value in span.common.attributes.items()]
    said = span.common.encoded[span.is_remote] = b"".join([_kind(span), *pairs])
    return said


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
