"""Events, until there are many of them."""

import asyncio
import threading
from collections.abc import Iterator
from contextvars import Context
from typing import Final, NamedTuple

from scrap.events import Emit, Event, RequestEnded, RequestStarted, ignore
from scrap.telemetry.sinks import Ended, FanOut
from scrap.telemetry.trace import Trace, current_trace

_MANY: Final = 256  # hits; to hand them on holds the loop for 1 ms


class _Traced(NamedTuple):
    """An event of a call that has a trace."""

    event: Event
    trace: Trace


class Gathering:
    """Keeps events until there are many, or a moment has passed, or somebody wants to know; then hands them on.

    Between two calls, which leave nothing of it in the processor's caches, counting and logging one takes several times
    as long as among others. So a call pays for little more than an append. Events are handed on in the order in which
    they came, but for calls that ended, which come together after the others, each with the trace that was current
    then; nothing else of their moment is left but what they say.

    Args:
        to: takes events, in any thread, but never in two at once.
        first: takes events at once, for sinks that follow a call while it goes on; they may set the trace.
        interval: seconds that an event waits at most.

    Attributes:
        follow: takes `RequestStarted`; None: nobody does.
    """

    def __init__(self, to: FanOut, first: FanOut | None = None, *, interval: float = 0.1) -> None:
        self._to = to
        self._wanted = to.kinds
        self._first: Emit = first or ignore
        self._urgent: frozenset[type[Event] | type[Ended]] = first.kinds if first else frozenset()
        self.follow: Emit | None = self.emit if RequestStarted in self._urgent | self._wanted else None
        self._interval = interval
        self._kept: list[Event | _Traced] = []
        self._handing = threading.Lock()
        self._context = Context()
        self._timer: asyncio.TimerHandle | None = None

    def emit(self, event: Event) -> None:
        """Takes an event."""
        kind = type(event)
        if kind in self._urgent:
            self._first(event)
        if kind not in self._wanted:
            return
        trace = current_trace.get()
        kept = self._kept
        kept.append(event if trace is None else _Traced(event, trace))
        if len(kept) >= _MANY:
            self._try()

    def settle(self) -> None:
        """Hands on what is kept; from any thread."""
        with self._handing:
            self._context.run(self._to.each, self._taken())

    def start(self) -> None:
        """Begins to look for what has waited for long enough, in the running loop."""
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._look)

    def stop(self) -> None:
        """Ends it, and hands on what is kept."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self.settle()

    def _look(self) -> None:
        if self._kept:
            self._try()
        self.start()

    def _try(self) -> None:
        """Hands on, unless somebody does: another thread, or we, in whose midst a finalizer has something to say."""
        if self._handing.acquire(blocking=False):
            try:
                self._context.run(self._to.each, self._taken())
            finally:
                self._handing.release()

    def _taken(self) -> Iterator[Event | Ended]:
        """What is kept now, each event in its trace for as long as it is looked at; calls that ended at the end."""
        kept = self._kept
        taken = kept[:]
        del kept[: len(taken)]  # what came in between stays
        calls: list[RequestEnded] = []
        traces: list[Trace | None] = []
        for one in taken:
            event, trace = one if isinstance(one, _Traced) else (one, None)
            if isinstance(event, RequestEnded):
                calls.append(event)
                traces.append(trace)
            elif trace:
                current_trace.set(trace)
                yield event
                current_trace.set(None)
            else:
                yield event
        if calls:
            yield Ended(calls, traces)
