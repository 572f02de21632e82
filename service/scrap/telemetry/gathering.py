"""Events, until there are many of them."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Any, Final, NamedTuple

from scrap.events import Emit, EmitHit, Event, Follow, Hit, RequestEnded, ended, ignore
from scrap.telemetry.sinks import FanOut, Hits
from scrap.telemetry.trace import Trace, current_trace

_MANY: Final = 256  # events, of 50 pages; to hand them on holds the loop for 1 ms
_MANY_HITS: Final = 160  # their lines fit into a pipe (64 KiB); to hand them on holds the loop for 0.15 ms
_WORDS: Final = len(Hits._fields)


class _Traced(NamedTuple):
    """An event of a call that has a trace."""

    event: Event
    trace: Trace


class Gathering:
    """Keeps events until there are many, or a moment has passed, or somebody wants to know; then hands them on.

    Between two calls, which leave nothing of it in the processor's caches, counting and logging one takes several times
    as long as among others. So a call pays for little more than an append, and a hit for nothing else. Events are
    handed on in the order in which they came, but for hits, which come together after the others. Each has the trace
    that was current then; nothing else of its moment is left but what it says.

    Args:
        to: takes events, in any thread, but never in two at once.
        first: takes events at once, for sinks that follow a call while it goes on; they may set the trace.
        interval: seconds that an event waits at most.
        done: called when what was there has been handed on, in the same thread, and once an interval at least.

    Attributes:
        hit: takes hits.
        follow: takes `RequestStarted`, at once; None: nobody does.
    """

    def __init__(
        self,
        to: FanOut,
        first: FanOut | None = None,
        *,
        interval: float = 0.1,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._to = to
        self._done = done
        self._wanted = to.kinds
        self._first: Emit = first or ignore
        self._urgent: frozenset[type[Event] | type[Hits]] = first.kinds if first else frozenset()
        self._interval = interval
        self._pause = interval
        self._kept: list[Event | _Traced] = []
        self._words: list[Any] = []  # of hits, one after the other: tuples would be work for the collector
        self._handing = threading.Lock()
        self._context = Context()
        self._timer: asyncio.TimerHandle | None = None
        self.follow: Follow | None = first.follow if first else None
        self.hit: EmitHit = self._words.extend  # a function of ours around it would take longer than it does
        if RequestEnded in self._urgent:  # by Sentry's transactions, which end in their call's context
            self.hit = self._hit_at_once

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
            self._hand_on()

    def start(self) -> None:
        """Begins to look for what has waited for long enough, in the running loop."""
        self._timer = asyncio.get_running_loop().call_later(self._pause, self._look)

    def stop(self) -> None:
        """Ends it, and hands on what is kept."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self.settle()

    def _hit_at_once(self, hit: Hit) -> None:
        self.emit(ended(hit))

    def _look(self) -> None:
        # Nobody counts hits as they come, so the next look is when there may be many again.
        hits = len(self._words) // _WORDS
        self._pause = min(self._interval, self._pause * _MANY_HITS / hits) if hits else self._interval
        self._try()
        self.start()

    def _try(self) -> None:
        """Hands on, unless somebody does: another thread, or we, in whose midst a finalizer has something to say."""
        if self._handing.acquire(blocking=False):
            try:
                self._hand_on()
            finally:
                self._handing.release()

    def _hand_on(self) -> None:
        self._context.run(self._to.each, self._taken())
        self._done()

    def _taken(self) -> Iterator[Event | Hits]:
        """What is kept now, each event in its trace for as long as it is looked at; hits at the end."""
        kept = self._kept
        taken = kept[:]
        del kept[: len(taken)]  # what came in between stays
        for one in taken:
            if isinstance(one, _Traced):
                current_trace.set(one.trace)
                yield one.event
                current_trace.set(None)
            else:
                yield one
        words = self._words[:]
        del self._words[: len(words)]
        if words:
            yield Hits(*(words[column::_WORDS] for column in range(_WORDS)))
