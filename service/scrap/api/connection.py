"""A caller's connection: uvicorn's protocol, with the bounds that it leaves to a proxy in front.

A connection that says too much, too slowly, or does not read what it asked for costs its own slot and nothing else.
"""

import asyncio
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from scrap.cache.flight import Disconnect
from scrap.errors import Overloaded, Reason, ScrapError


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What one caller may cost before its first request is even read."""

    connections: int = 1024  # open at once; one more is answered 503 and closed; each costs about 10 KiB
    head_bytes: int = 16_384  # of a request's line and headers; more is answered 431
    head_seconds: float = 10.0  # from its first byte to the end of a request's head; slower is answered 408
    pipelined: int = 8  # requests sent ahead on one connection; one more and the connection is cut


_BODY_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_PROBE_SECONDS: Final = 0.5  # the write after the reset is the one that fails: a client that left is noticed after two
# Host = uri-host [ ":" port ] (RFC 9110, section 7.2); uri-host is IP-literal or reg-name, which may be empty and whose
# grammar includes IPv4address (RFC 3986, section 3.2.2).
_HOST = re.compile(
    rb"(?:\[(?:([0-9A-Fa-f:.]+)|[vV][0-9A-Fa-f]+\.[\w.~!$&'(*)+,;=:-]+)\]"
    rb"|(?:[\w.~!$&'(*)+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?"
)


class ConnectionConfig(uvicorn.Config):
    """uvicorn's configuration, with our limits.

    Args:
        limits: the bounds of each connection.
        reject: makes the response to what is not yet a request.
        options: uvicorn's own.
    """

    def __init__(self, *, limits: ConnectionLimits, reject: Callable[[ScrapError], bytes], **options: Any) -> None:
        super().__init__(http=Connection, **options)
        self.limits = limits
        self.reject = reject


class Connection(HttpToolsProtocol):
    """One caller's connection."""

    config: ConnectionConfig

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = self.config.limits
        self._head_open = False
        self._head_bytes = 0  # of an open head that were read
        self._head_tail = b""  # the last of them: its end may come in two reads
        self._head_timer: asyncio.TimerHandle | None = None
        self._probe_timer: asyncio.TimerHandle | None = None
        self._answered: RequestResponseCycle | None = None  # the request whose response is under way
        self._refusal: ScrapError | None = None  # sent behind the responses that are under way

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Takes the connection, or refuses one too many."""
        if len(self.connections) < self._limits.connections:
            super().connection_made(transport)
            self._expect_head()
        else:  # it costs an answer, and nothing else of what a connection costs
            self.transport = transport
            self._refuse(Overloaded())

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the timers, and tells the request under way.

        uvicorn tells only the last one that was read; one before it would write to a connection that is gone.
        """
        self._stop_head_timer()
        self._stop_probe_timer()
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()
            self._answered.scope["state"]["disconnect"]()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        cycle.scope["state"]["disconnect"] = Disconnect()
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        """Reads on, as long as a head is not too large."""
        if self.transport.is_closing() or self._refusal:
            return
        while data and not (self.transport.is_closing() or self._refusal):
            data = self._read(data)
        if self._head_open and self._head_timer is None and not self._refusal:
            self._expect_head()

    def _read(self, data: bytes) -> bytes:
        """Reads up to the next empty line, where alone a head can end, so that each is measured by itself.

        Returns:
            What is behind it.
        """
        if self._reads_content():
            super().data_received(data)
            return b""
        if not self._head_open:
            data = data.lstrip(b"\r\n")  # empty lines before a request are no part of it (RFC 9112, section 2.2)
        found = (self._head_tail + data).find(b"\r\n\r\n")  # the parser takes no bare LF for an end
        size = found + 4 - len(self._head_tail) if found >= 0 else len(data)
        if self._head_bytes + size > self._limits.head_bytes:
            self._refuse(ScrapError(Reason.REQUEST_TOO_LARGE))
        elif size:
            super().data_received(data[:size])
        if self._head_open:
            self._head_bytes += size
            self._head_tail = (self._head_tail + data[:size])[-3:]
        else:
            self._head_bytes, self._head_tail = 0, b""
        return data[size:]

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's never keeps one; asyncio's may
        """Closes an idle connection; else keeps it for the responses under way: the client may read on (RFC 9293, 3.6).

        Returns:
            Whether it is kept.
        """
        if not self._is_answering():
            return False
        if not self._refusal:
            self.cycle.keep_alive = False
        self._expect_probe()
        return True

    def on_message_begin(self) -> None:
        """A request's first byte is here."""
        super().on_message_begin()
        self._head_open = True

    def on_headers_complete(self) -> None:
        """A request's head is whole.

        Raises:
            ValueError: it has not one valid Host; the parser hands it on as an error of the message, which is a 400.
        """
        self._head_open = False
        self._stop_head_timer()
        if len(self.pipeline) >= self._limits.pipelined:
            self.transport.abort()
            raise asyncio.LimitOverrunError("too many pipelined requests", len(self.pipeline))
        hosts = [value for name, value in self.headers if name == b"host"]
        if not (is_host(hosts) or (not hosts and self.parser.get_http_version() < "1.1")):
            raise ValueError("not one valid Host")
        super().on_headers_complete()
        for name, _ in self.headers:
            if name in _BODY_HEADERS:
                self.cycle.keep_alive = False  # nobody here reads a body: it goes with its connection

    def on_response_complete(self) -> None:
        """Goes on with the next request, or with the refusal of what came behind the last."""
        super().on_response_complete()
        if self._refusal:
            self._refuse(self._refusal)

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP, as every other error is answered."""
        self._refuse(ScrapError(Reason.REQUEST_MALFORMED))

    def _is_idle(self) -> bool:
        """Whether nothing is under way: what comes now begins with a request's first byte."""
        return not self._head_open and not self._is_answering()

    def _is_answering(self) -> bool:
        """Whether a response is under way, or a request waits for its turn."""
        return self.cycle is not None and not self.cycle.response_complete

    def _reads_content(self) -> bool:
        """Whether the bytes that come now are the content of a request, whose connection goes with it."""
        return not self._head_open and self._is_answering() and self.cycle.more_body

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

    def _probe(self) -> None:
        """Sends an interim response now and then: a client that has closed its socket, too, answers with a reset.

        Only a write tells it from one that reads on. Any HTTP/1.1 client has to skip it (RFC 9110, section 15.2).
        """
        cycle = self._answered
        if cycle and not cycle.response_started and cycle.scope["http_version"] == "1.1":
            self.transport.write(_CONTINUE)
        self._expect_probe()

    def _expect_probe(self) -> None:
        self._probe_timer = self.loop.call_later(_PROBE_SECONDS, self._probe)

    def _stop_probe_timer(self) -> None:
        if self._probe_timer is not None:
            self._probe_timer.cancel()
            self._probe_timer = None

    def _refuse(self, error: ScrapError) -> None:
        """Answers what is no request and closes, behind the responses that are under way."""
        self._stop_head_timer()
        if self._is_answering():
            self._refusal = error
        elif not self.transport.is_closing():
            self.transport.write(self.config.reject(error))
            self.transport.close()


def is_host(values: list[bytes]) -> bool:
    """Whether the values of a request's Host lines are one valid Host (RFC 9112, section 3.2)."""
    if len(values) != 1 or not (found := _HOST.fullmatch(values[0].strip(b" \t"))):
        return False
    return found[1] is None or _is_ipv6(found[1].decode())


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
