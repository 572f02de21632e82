"""A client's connection: uvicorn's protocol, with the limits that it leaves to a proxy in front.

A connection that sends too much, too slowly, or does not read costs its own slot and nothing else.
"""

import asyncio
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import uvicorn
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from scrap.cache.flight import Disconnect
from scrap.errors import Overloaded, Reason, ScrapError


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What a client may cost before its request is read."""

    connections: int = 1024  # open at once, 10 to 100 KiB each; the response to one more is 503, and it is closed
    head_bytes: int = 16_384  # of a request's line and headers; the response to more is 431
    head_lines: int = 100  # likewise; a field is 200 bytes of memory, however short. Apache and gunicorn: 100 fields
    head_seconds: float = 10.0  # from the first byte to the end of a head; the response to a slower one is 408
    pipelined: int = 2  # requests sent ahead on one connection; at one more it is aborted. Each holds its head


_BODY_HEADERS: Final = frozenset({b"content-length", b"transfer-encoding"})
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_PROBE_SECONDS: Final = 0.5  # the write after the reset fails: a client that left is noticed after two
# Host = uri-host [ ":" port ] (RFC 9110, section 7.2); uri-host is IP-literal or reg-name, which may be empty and whose
# grammar includes IPv4address (RFC 3986, section 3.2.2).
_HOST: Final = re.compile(
    rb"(?:\[(?:([0-9A-Fa-f:.]+)|[vV][0-9A-Fa-f]+\.[\w.~!$&'(*)+,;=:-]+)\]"
    rb"|(?:[\w.~!$&'(*)+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?"
)


class ConnectionConfig(uvicorn.Config):
    """uvicorn's configuration, with limits and the function that renders the response to what is not yet a request."""

    def __init__(self, *, limits: ConnectionLimits, reject: Callable[[ScrapError, Any], bytes], **options: Any) -> None:
        super().__init__(http=Connection, **options)
        self.limits = limits
        self.reject = reject


class Connection(HttpToolsProtocol):
    config: ConnectionConfig

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = self.config.limits
        self._head_open = False
        self._head_bytes = 0  # of an open head that were read
        self._head_lines = 0  # of it
        self._head_tail = b""  # the last of them: its end may come in two reads
        self._timer: asyncio.TimerHandle | None = None  # of an open head; after the client's FIN, of the next probe
        self._answered: RequestResponseCycle | None = None  # the request whose response is under way
        self._rejection: ScrapError | None = None  # sent behind the responses that are under way

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        if len(self.connections) < self._limits.connections:
            super().connection_made(transport)
            self._start_timer(self._limits.head_seconds, self._head_is_late)
        else:
            self.transport = transport
            self._reject(Overloaded(Reason.FULL))

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the timer and disconnects the request under way; uvicorn disconnects only the last that was read."""
        self._stop_timer()
        cycle = self._answered
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            cycle.scope["state"]["disconnect"]()
        super().connection_lost(None)  # with an error, uvicorn's timer would keep the connection

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        cycle.scope["state"]["disconnect"] = Disconnect()
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        while data and not (self._rejection or self.transport.is_closing()):
            data = self._read(data)
        if self._head_open and self._timer is None and not self._rejection:
            self._start_timer(self._limits.head_seconds, self._head_is_late)

    def _read(self, data: bytes) -> bytes:
        """Reads up to the next empty line, where alone a head can end, to measure each by itself; returns the rest."""
        if not self._head_open:
            cycle = self.cycle
            if cycle and cycle.more_body and not cycle.response_complete:  # its connection is closed after the response
                super().data_received(data)
                return b""
            data = data.lstrip(b"\r\n")  # empty lines before a request are no part of it (RFC 9112, section 2.2)
            self._head_open = bool(data)
        end = (self._head_tail + data).find(b"\r\n\r\n")  # the parser accepts no bare LF for an end
        size = len(data) if end < 0 else end + 4 - len(self._head_tail)
        self._head_bytes += size
        self._head_lines += data.count(b"\n", 0, size)
        if self._head_bytes > self._limits.head_bytes or self._head_lines > self._limits.head_lines:
            self._reject(ScrapError(Reason.REQUEST_TOO_LARGE))
        elif size:
            super().data_received(data[:size])
        if self._head_open:
            self._head_tail = (self._head_tail + data[:size])[-3:]
        else:
            self._head_bytes, self._head_lines, self._head_tail = 0, 0, b""
        return data[size:]

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's keeps none; asyncio's may
        """Keeps a connection (True) for the responses under way: its client may read on (RFC 9293, section 3.6)."""
        if not self._is_responding():
            return False
        if not self._rejection:
            self.cycle.keep_alive = False
        self._start_timer(_PROBE_SECONDS, self._probe)
        return True

    def on_headers_complete(self) -> None:
        """Checks a head; an error raised here is one of the message to the parser, and the response is 400."""
        self._head_open = False
        if self._timer is not None:
            self._stop_timer()
        if len(self.pipeline) >= self._limits.pipelined:
            self.transport.abort()
            raise asyncio.LimitOverrunError("too many pipelined requests", len(self.pipeline))
        hosts = [value for name, value in self.headers if name == b"host"]
        if not (is_host(*hosts) if len(hosts) == 1 else not hosts and self.parser.get_http_version() < "1.1"):
            raise ValueError("not one valid Host")
        super().on_headers_complete()
        if not _BODY_HEADERS.isdisjoint(dict(self.headers)):
            self.cycle.keep_alive = False  # no endpoint reads a body: it is dropped with its connection

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._rejection:
            self._reject(self._rejection)

    def send_400_response(self, msg: str) -> None:
        self._reject(ScrapError(Reason.REQUEST_MALFORMED))

    def _is_responding(self) -> bool:
        """Whether a response is under way, or a request waits for the one before it."""
        return self.cycle is not None and not self.cycle.response_complete

    def _start_timer(self, seconds: float, callback: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, callback)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _head_is_late(self) -> None:
        if self._head_open:
            self._reject(ScrapError(Reason.REQUEST_TIMEOUT))
        else:
            self.transport.close()  # it never sent a byte

    def _probe(self) -> None:
        """Sends an interim response: a client that has also closed its side for reading answers with a reset.

        Only a write distinguishes the two. Any HTTP/1.1 client skips it (RFC 9110, section 15.2).
        """
        cycle = self._answered
        if cycle and not cycle.response_started and cycle.scope["http_version"] == "1.1":
            self.transport.write(_CONTINUE)
        self._start_timer(_PROBE_SECONDS, self._probe)

    def _reject(self, error: ScrapError) -> None:
        """Responds to what is no request and closes, behind the responses that are under way."""
        self._stop_timer()
        if self._is_responding():
            self._rejection = error
        elif not self.transport.is_closing():
            self.transport.write(self.config.reject(error, self.transport.get_extra_info("peername")))
            self.transport.close()


@lru_cache(64)  # clients repeat theirs
def is_host(value: bytes) -> bool:
    """Whether a value is a Host (RFC 9112, section 3.2)."""
    found = _HOST.fullmatch(value.strip(b" \t"))
    try:
        return found is not None and (found[1] is None or bool(ipaddress.IPv6Address(found[1].decode())))
    except ValueError:
        return False
