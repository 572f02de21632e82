"""Which trace the current request belongs to."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)  # to freeze it would take longer than the rest of it
class Trace:
    """A request's place in its trace, as logs and exemplars name it.

    Attributes:
        trace_number: of 128 bits (W3C Trace Context).
        span_number: of 64: the request's own span.
        sampled: the trace is recorded, so that looking for it finds something.
    """

    trace_number: int
    span_number: int
    sampled: bool

    @property
    def trace_id(self) -> str:
        """32 lower-case hexadecimal digits."""
        return f"{self.trace_number:032x}"

    @property
    def span_id(self) -> str:
        """16 of them."""
        return f"{self.span_number:016x}"


# Set by `otel` where it runs, when a request starts. A fetch runs in the request's context or in a task started from
# it, so its events find their request without the core carrying anything.
current_trace: ContextVar[Trace | None] = ContextVar("current_trace", default=None)
