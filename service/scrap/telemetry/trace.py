"""Which trace the current request belongs to."""

from contextvars import ContextVar
from typing import NamedTuple


class Trace(NamedTuple):
    """A request's trace (W3C Trace Context), as log lines and exemplars have it."""

    ids: dict[str, str]  # `trace_id`, 32 lower-case hexadecimal digits, and `span_id`, 16: the request's own span
    exemplar: dict[str, str] | None = None  # the same, where the trace is recorded, so that a search finds it


# Set when a request starts, where traces are on. A fetch inherits the request's context.
current_trace: ContextVar[Trace | None] = ContextVar("current_trace", default=None)
