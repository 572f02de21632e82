"""A caller's connection: uvicorn's protocol, with the bounds that it leaves to a proxy in front.

A connection that says too much, too slowly, or does not read what it asked for costs its own slot and nothing else.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from scrap.api.calls import TurnAway
from scrap.api.refusals import Refusals
from scrap.errors import Overloaded, Reason, ScrapError


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What one caller may cost before its first request is even read."""

    connections: int = 1024  # open at once; one more is answered 503 and closed; each costs about 10 KiB
    head_bytes: int = 16_384  # of a request's line and headers; more is answered 431 (checked once a read)
    head_seconds: float = 10.0  # from its first byte to the end of a request's head; slower is answered 408
    pipelined: int = 8  # requests sent ahead on one connection; one more and the connection is cut


_BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding"})


class ConnectionConfig(uvicorn.Config):
    """uvicorn's configuration, with our limits.

    Args:
        limits: the bounds of each connection.
        refusals: answer who never becomes a call.
        turn_away: gives such an answer to whom it will not let in.
        options: uvicorn's own.
    """

    def __init__(self, *, limits: ConnectionLimits, refusals: Refusals, turn_away: TurnAway, **options: Any) -> None:
        super().__init__(http=Connection, **options)
        self.limits = limits
        self.refusals = refusals
        self.turn_away = turn_away


class Connection(HttpToolsProtocol):
    """One caller's connection."""

    config: ConnectionConfig

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = self.config.limits
        self._head_bytes = 0
        self._head_open = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._answered: RequestResponseCycle | None = None  # the request whose answer is under way
        self._turned_away = False  # since the last time the connection was looked at for being idle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Takes the connection, or refuses one too many."""
        if len(self.connections) < self._limits.connections:
            super().connection_made(transport)
            self._expect_head()
        else:  # it costs an answer, and nothing else of what a connection costs
            self.transport = transport
            self._refuse(Overloaded())

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the timer, and tells the request under way.

        uvicorn tells only the last one that was read; one before it would write to a connection that is gone.
        """
        self._stop_head_timer()
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        """Reads on, as long as a head is not too large."""
        if self.transport.is_closing():
            return
        if self._is_idle() and (answer := self.config.turn_away(data)):
            self._turn_away(answer)
            return
        super().data_received(data)
        if self._head_open:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes:
                self._refuse(ScrapError(Reason.REQUEST_TOO_LARGE))
            elif self._head_timer is None:
                self._expect_head()

    def on_message_begin(self) -> None:
        """A request's first byte is here."""
        super().on_message_begin()
        self._head_open = True

    def on_headers_complete(self) -> None:
        """A request's head is whole."""
        self._head_open = False
        self._head_bytes = 0
        self._stop_head_timer()
        if len(self.pipeline) >= self._limits.pipelined:
            self.transport.abort()
            raise asyncio.LimitOverrunError("too many pipelined requests", len(self.pipeline))
        super().on_headers_complete()
        for name, _ in self.headers:
            if name in _BODY_HEADERS:
                self.cycle.keep_alive = False  # nobody here reads a body: it goes with its connection

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, as every other error is answered."""
        self._refuse(ScrapError(Reason.REQUEST_MALFORMED))

    def timeout_keep_alive_handler(self) -> None:
        """Closes a connection that nobody uses; one whose caller was turned away in the meantime is used."""
        if self._turned_away:
            self._keep()
        else:
            super().timeout_keep_alive_handler()

    def _is_idle(self) -> bool:
        """Whether nothing is under way: what comes now begins with a request's first byte."""
        return not self._head_open and (self.cycle is None or self.cycle.response_complete)

    def _turn_away(self, answer: bytes) -> None:
        self.transport.write(answer)
        self._turned_away = True
        if self._head_timer is not None:
            self._stop_head_timer()
            self._keep()

    def _keep(self) -> None:
        self._turned_away = False
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self._limits.head_seconds, self._head_is_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._head_open:
            self._refuse(ScrapError(Reason.REQUEST_TIMEOUT))
        else:
            self.transport.close()  # it never said a word

    def _refuse(self, error: ScrapError) -> None:
        if not self.transport.is_closing():
            self.transport.write(self.config.refusals.answer(error))
            self.transport.close()
