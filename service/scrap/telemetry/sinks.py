"""Sinks: who takes which events."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from scrap.events import BackgroundFailed, Emit, Event

log = logging.getLogger(__name__)

Handlers = Mapping[type[Event], Callable[[Any], None]]


class Sink(Protocol):
    """Takes events of some types.

    Attributes:
        name: a short fixed word for it.
        handlers: what to call with an event of a type; in the loop's thread, so it must not wait.
    """

    @property
    def name(self) -> str: ...

    @property
    def handlers(self) -> Handlers: ...


def fan_out(*sinks: Sink, failed: Callable[[str], None], told: Emit | None = None) -> Emit:
    """Makes several sinks one.

    Args:
        sinks: served in this order.
        failed: called with the name of a sink that raised. The event goes on to the others, the request goes on
            as if nothing had been: a mistake in telemetry is no reason to fail a call. A sink's first failure is
            said in the log and told; the next would come with every request.
        told: takes the news of a sink's first failure; the sinks themselves, where it is None.
    """
    handlers: dict[type[Event], list[tuple[Callable[[Any], None], str]]] = {}
    for sink in sinks:
        for kind, handler in sink.handlers.items():
            handlers.setdefault(kind, []).append((handler, sink.name))
    handlers_of = handlers.get
    said: set[str] = set()

    def emit(event: Event) -> None:
        for handler, name in handlers_of(type(event), ()):
            try:
                handler(event)
            except Exception as error:
                failed(name)
                if name not in said:
                    said.add(name)
                    log.exception("the sink %s failed", name)
                    (told or emit)(BackgroundFailed(error))

    return emit
