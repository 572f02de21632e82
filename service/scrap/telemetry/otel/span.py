"""A span that is over."""

from dataclasses import dataclass, field
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.util.types import AttributeValue

Attributes = dict[str, AttributeValue]
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


@dataclass(slots=True, eq=False)
class Common:
    """What many spans have in common: attributes, and what the encoder made of them.

    Attributes:
        encoded: with the span's name, kind and status, by whether its parent is another process's.
    """

    attributes: Attributes
    encoded: dict[bool, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Span:
    """A span of a sampled trace, on its way to the encoder: what that needs, and no more.

    Attributes:
        trace_id: of 128 bits.
        span_id: of 64, and not 0.
        parent_id: likewise; 0: it has no parent.
        is_remote: its parent is another process's.
        state: the trace's, where its caller gave one (W3C Trace Context).
        started: nanoseconds since the epoch.
        ended: likewise.
        attributes: its own.
        common: those that it has with others, whose name, kind and status are the same.
        exception: what was raised, as an event of it.
    """

    name: str
    trace_id: int
    span_id: int
    parent_id: int
    is_remote: bool
    state: TraceState | None
    started: int
    ended: int
    attributes: Attributes
    kind: SpanKind = SpanKind.INTERNAL
    is_error: bool = False
    exception: Event | None = None
    common: Common | None = None

    def readable(self, resource: Resource, scope: InstrumentationScope) -> ReadableSpan:
        """The same for the SDK.

        Args:
            resource: who sends it.
            scope: which part of that.
        """
        return ReadableSpan(
            self.name,
            SpanContext(self.trace_id, self.span_id, False, _SAMPLED, self.state),
            SpanContext(self.trace_id, self.parent_id, self.is_remote, _SAMPLED, self.state)
            if self.parent_id
            else None,
            resource,
            self.common.attributes | self.attributes if self.common else self.attributes,
            [self.exception] if self.exception else (),
            kind=self.kind,
            status=Status(StatusCode.ERROR if self.is_error else StatusCode.UNSET),
            start_time=self.started,
            end_time=self.ended,
            instrumentation_scope=scope,
        )
