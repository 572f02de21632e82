"""Which trace the current request belongs to."""

from contextvars import ContextVar
from typing import NamedTuple


class Trace(NamedTuple):
    """A request's place in its trace, as log lines and exemplars name it (W3C Trace Context)."""

    trace_id: str  # 32 lower-case hexadecimal digits
    span_id: str  # 16 of them: the request's own span
    sampled: bool  # the trace is recorded, so that a search for it finds something


# Set when a request starts, where traces are on. A fetch runs in the request's context or in a task started from it,
# so its events find their request without the core carrying anything.
current_trace: ContextVar[Trace | None] = ContextVar("current_trace", default=None)
