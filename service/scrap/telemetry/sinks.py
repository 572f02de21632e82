"""Sinks: each receives the events that it has a handler for."""

import logging
from collections.abc import Callable
from typing import Any

from scrap.events import BackgroundFailed, Event, Handlers

log = logging.getLogger(__name__)


class FanOut:
    """Makes several sinks, given by their names, one `Emit`; they are called in this order.

    A sink that raises fails no request: `failed` is called with its name, and the event goes on to the others. Its
    first failure is logged and emitted as `BackgroundFailed`.
    """

    def __init__(self, failed: Callable[[str], None], **sinks: Handlers) -> None:
        self._handlers: dict[type[Event], list[tuple[Callable[[Any], None], str]]] = {}
        for name, handlers in sinks.items():
            for kind, handler in handlers.items():
                self._handlers.setdefault(kind, []).append((handler, name))
        self._failed = failed
        self._reported: set[str] = set()

    def __call__(self, event: Event) -> None:
        for handler, name in self._handlers.get(type(event), ()):
            try:
                handler(event)
            except Exception as error:
                self._failed(name)
                if name not in self._reported:
                    self._reported.add(name)
                    log.error("the sink %s failed", name, exc_info=error)
                    self(BackgroundFailed(error))
