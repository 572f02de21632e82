"""Sinks: who takes which events."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from scrap.events import BackgroundFailed, Emit, Ending, Event, Follow, RequestEnded, RequestStarted, ended
from scrap.telemetry.trace import Trace, current_trace

log = logging.getLogger(__name__)


class Hits(NamedTuple):
    """What each word of some hits is (see `Hit`), one after the other."""

    endings: list[Ending]
    request_ids: list[str]
    seconds: list[float]
    ended: list[float]
    traces: list[Trace | None]


Handler = Callable[[Any], Any]
Handlers = Mapping[type[Event] | type[Hits], Handler]


class Sink(Protocol):
    """Takes events of some types.

    Attributes:
        name: a short fixed word for it.
        handlers: what to call with an event of a type; in the loop's thread, so it must not wait. Who takes
            `RequestEnded` may take `Hits` as well, and else gets them one by one. Who takes `RequestStarted` may give
            the trace that the call belongs to.
    """

    @property
    def name(self) -> str: ...

    @property
    def handlers(self) -> Handlers: ...


class FanOut:
    """Makes several sinks one.

    Args:
        sinks: served in this order.
        failed: called with the name of a sink that raised. The event goes on to the others, the request goes on
            as if nothing had been: a mistake in telemetry is no reason to fail a call. A sink's first failure is
            said in the log and told; the next would come with every request.
        told: takes the news of a sink's first failure; the sinks themselves, where it is None.

    Attributes:
        kinds: the types that somebody takes.
        follow: gives `RequestStarted` to all who take it, and gives the trace that one of them began or found; None:
            nobody takes it.
    """

    def __init__(self, *sinks: Sink, failed: Callable[[str], None], told: Emit | None = None) -> None:
        self._handlers: dict[type[Event] | type[Hits], list[tuple[Handler, str]]] = {}
        for sink in sinks:
            handlers = dict(sink.handlers)
            if RequestEnded in handlers:
                handlers.setdefault(Hits, self._one_by_one(handlers[RequestEnded], sink.name))
            for kind, handler in handlers.items():
                self._handlers.setdefault(kind, []).append((handler, sink.name))
        self.follow: Follow | None = None
        for handler, name in self._handlers.get(RequestStarted, ()):
            self.follow = self._following(handler, name, self.follow)
        self.kinds = frozenset(self._handlers)
        self._failed = failed
        self._told = told or self
        self._said: set[str] = set()

    def __call__(self, event: Event | Hits) -> None:
        """Gives an event to all who take it."""
        for handler, name in self._handlers.get(type(event), ()):
            try:
                handler(event)
            except Exception as error:  # noqa: BLE001 - it is said, once
                self._note(name, error)

    def each(self, events: Iterable[Event | Hits]) -> None:
        """Gives several, one after the other."""
        for event in events:
            self(event)

    def _following(self, handler: Handler, name: str, before: Follow | None) -> Follow:
        """Gives `RequestStarted` to a sink, and to those before it; nothing is looked up, for every call begins."""

        def follow(event: RequestStarted) -> object:
            try:
                return handler(event)
            except Exception as error:  # noqa: BLE001 - likewise
                self._note(name, error)
                return None

        if not before:
            return follow

        def both(event: RequestStarted) -> object:
            found = before(event)
            return follow(event) or found

        return both

    def _one_by_one(self, handler: Handler, name: str) -> Handler:
        """Takes hits for a sink that wants each by itself."""

        def take(hits: Hits) -> None:
            for hit in zip(*hits, strict=True):
                token = current_trace.set(hit[-1])
                try:
                    handler(ended(hit))
                except Exception as error:  # noqa: BLE001 - likewise
                    self._note(name, error)
                finally:
                    current_trace.reset(token)

        return take

    def _note(self, name: str, error: Exception) -> None:
        self._failed(name)
        if name not in self._said:
            self._said.add(name)
            log.error("the sink %s failed", name, exc_info=error)
            self._told(BackgroundFailed(error))
