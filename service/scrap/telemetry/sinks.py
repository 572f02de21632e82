"""Sinks: who takes which events."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from scrap.events import BackgroundFailed, Emit, Event, RequestEnded
from scrap.telemetry.trace import Trace, current_trace

log = logging.getLogger(__name__)


class Ended(NamedTuple):
    """Calls that ended one after the other: they are taken together, which costs less."""

    calls: list[RequestEnded]
    traces: list[Trace | None]  # each call's


Handler = Callable[[Any], None]
Handlers = Mapping[type[Event] | type[Ended], Handler]


class Sink(Protocol):
    """Takes events of some types.

    Attributes:
        name: a short fixed word for it.
        handlers: what to call with an event of a type; in the loop's thread, so it must not wait. Who takes
            `RequestEnded` may take `Ended` as well, and else gets its calls one by one.
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
    """

    def __init__(self, *sinks: Sink, failed: Callable[[str], None], told: Emit | None = None) -> None:
        self._handlers: dict[type[Event] | type[Ended], list[tuple[Handler, str]]] = {}
        for sink in sinks:
            handlers = dict(sink.handlers)
            if RequestEnded in handlers:
                handlers.setdefault(Ended, self._one_by_one(handlers[RequestEnded], sink.name))
            for kind, handler in handlers.items():
                self._handlers.setdefault(kind, []).append((handler, sink.name))
        self.kinds = frozenset(self._handlers)
        self._failed = failed
        self._told = told or self
        self._said: set[str] = set()

    def __call__(self, event: Event | Ended) -> None:
        """Gives an event to all who take it."""
        for handler, name in self._handlers.get(type(event), ()):
            try:
                handler(event)
            except Exception as error:  # noqa: BLE001 - it is said, once
                self._note(name, error)

    def each(self, events: Iterable[Event | Ended]) -> None:
        """Gives several, one after the other."""
        for event in events:
            self(event)

    def _one_by_one(self, handler: Handler, name: str) -> Handler:
        """Takes calls that ended for a sink that wants each by itself."""

        def take(ended: Ended) -> None:
            for call, trace in zip(*ended, strict=True):
                token = current_trace.set(trace)
                try:
                    handler(call)
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
