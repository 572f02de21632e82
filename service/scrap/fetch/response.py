"""One request and its response over one connection: HTTP/1.1 (RFC 9112), every part limited."""

import asyncio
import ssl
from collections.abc import Callable
from time import perf_counter
from typing import cast

import httptools

from scrap.errors import Overloaded, Reason, ScrapError, UpstreamError
from scrap.fetch import exhaustion
from scrap.fetch.response_head import HEAD_END, Fields, read_head
from scrap.fetch.socket_reader import ConnectionResources, SocketReader
from scrap.urls import Target

_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class TLSNotClosed(ConnectionError):
    """The connection ended without TLS' own end: there may have been more (RFC 9112, section 9.8)."""


class TLSOverheadExceeded(ssl.SSLError):
    """TLS took more bytes beside content than its limit."""

    def __str__(self) -> str:
        return str(self.args[0])  # its base's is that of a tuple, where there is no number


class UpstreamResponse(SocketReader):
    """Sends a request once and holds what comes back, never more than its limits.

    A body that ends before its framing says so is cut, not failed: what is held has the page's head, mostly. While any
    of it waits to be taken from here, the socket is paused.

    Args:
        request: sent as soon as there is a connection; where there is none, `send` sends it.
    """

    def __init__(self, target: Target, resources: ConnectionResources, request: bytes = b"") -> None:
        super().__init__(resources)
        self.target = target
        self.status = 0  # before the head is there
        self.fields: Fields = {}
        self.first_byte = 0.0  # seconds from the request to the head's end
        self.body_bytes = 0  # as received, framing undone
        self.cut = False  # the body ended before its framing said so, or at a limit
        self.broken = False  # it is cut, and not at a limit
        self.on_data: Callable[[], None] | None = None  # called when there is something to `take`, or nothing more
        self._request = request
        self._resources = resources
        self._limits = resources.limits
        self._block = bytearray()  # of the header, as far as it is here
        self._parser: httptools.HttpResponseParser | None = None  # of a body in chunks
        self._length: int | None = None  # of a body that is framed by it
        self._wire_bytes = 0
        self._interim = 0  # responses (1xx)
        self._sent = 0.0
        self._body: list[bytes] = []
        self._chunks = 0
        self._is_persistent = False  # its end is not that of its connection
        self._waiter: asyncio.Future[None] | None = None  # for the head
        # Why, where it cannot go on. No exception: that has a traceback, which has our frames, which have us, and with
        # us all of the page in a cycle that only the garbage collector would find.
        self._failure: tuple[Reason, str] | None = None

    def leads_to(self, target: Target) -> bool:
        """Whether its connection can serve this target: of the same origin, and nothing is left of this response."""
        is_whole = self._ended and self._transport is not None and not (self._paused or self._rest)
        return is_whole and (self.target.scheme, self.target.authority) == (target.scheme, target.authority)

    def hand_over(self, target: Target) -> "UpstreamResponse":
        """Gives its connection to the response of another request, which is yet to be sent."""
        transport, self._transport = self._transport, None
        assert transport is not None  # noqa: S101 - `leads_to`
        response = UpstreamResponse(target, self._resources)
        transport.set_protocol(response)
        response.connection_made(transport)
        return response

    def send(self, request: bytes) -> None:
        """Sends the request, once; what came before it is no response (RFC 9112, section 9.2)."""
        self._sent = perf_counter()
        if self._wire_bytes:
            self.status, self.first_byte = 0, 0.0
            self.fail(Reason.PROTOCOL_ERROR, "a response before its request")
        elif self._transport is not None:
            self._transport.write(request)

    async def head(self) -> None:
        """Waits for the response's head; raises UpstreamError (PROTOCOL_ERROR, HEADERS_TOO_LARGE) or Overloaded."""
        if not (self.status or self._ended):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if not self.status:
            raise self.error()

    def take(self) -> bytes | None:
        """Returns the bytes of the body that are here; b"" at its end, None where more may come.

        Raises UpstreamError (PROTOCOL_ERROR), or Overloaded where the kernel had no memory for the connection.
        """
        if self._body:
            data = b"".join(self._body)  # a hostile host sends one byte a chunk
            self._body.clear()
            return data
        if self._failure:
            raise self.error()
        if self._ended:
            return b""
        if self._paused:
            self.resume_reading()
        return None

    def abort(self) -> None:
        """Ends the connection at once, whatever its state, and breaks every cycle."""
        self._parser = None  # it holds our methods
        self._body.clear()
        self._end()

    def fail(self, reason: Reason, internal: str) -> None:
        """Ends it, for a reason that whoever waits for it raises."""
        self._failure = reason, internal
        self._end()

    def error(self) -> ScrapError:
        """Makes the exception of a response that failed."""
        reason, internal = self._failure or (Reason.PROTOCOL_ERROR, "aborted")
        return Overloaded(reason, internal) if reason is Reason.EXHAUSTED else UpstreamError(reason, internal)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._request:
            self.send(self._request)

    def receive(self, data: memoryview) -> None:
        """Parses what was read; what comes behind the response ends the connection."""
        if self._ended:
            self._end()
            return
        self._wire_bytes += len(data)
        try:
            body = bytes(data) if self.status else self._receive_header(data)
            if body and self._parser is not None:
                self._parser.feed_data(body)
            elif body:
                self.on_body(body)
        except UpstreamError as error:
            self.fail(error.reason, error.internal)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._ended:  # what comes after the end of the response does not matter
                self.fail(Reason.PROTOCOL_ERROR, f"{type(error).__name__}: {error}")
        if (self._wire_bytes > self._limits.wire_bytes or self._chunks > self._limits.chunks) and not self._ended:
            self.cut = True
            self._end()
        self._notify()
        if self._body and self._transport is not None and not self._paused:
            self.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._rest:
            self._receive_rest()
        if self._ended:
            return
        if exhaustion.is_ours(exc):
            self.fail(Reason.EXHAUSTED, str(exc))  # not the page's fault: no page is cut for it
        elif not self.status:
            reason = Reason.TLS_FAILED if isinstance(exc, ssl.SSLError) else Reason.PROTOCOL_ERROR
            self.fail(reason, f"closed before the end of the head: {exc or 'end of stream'}")
        else:
            is_damaged = exc is not None and not isinstance(exc, TLSNotClosed)
            is_framed = self._parser is not None or self._length is not None  # else its end is the connection's
            self.broken = not isinstance(exc, TLSOverheadExceeded) and (is_damaged or is_framed)
            self.cut = exc is not None or self.broken
            self._end()
        self._notify()

    # What the parser of chunks calls, and what a body without chunks is given to.

    def on_body(self, data: bytes) -> None:
        if self._ended:
            self._end()
            return
        if self._length is not None and len(data) > self._length - self.body_bytes:
            data = data[: self._length - self.body_bytes]
            self._is_persistent = False
        self.body_bytes += len(data)
        self._chunks += 1
        self._body.append(data)
        if self.body_bytes == self._length:
            self._complete()

    def on_message_complete(self) -> None:
        self._end()

    # Inside.

    def _receive_header(self, data: memoryview) -> bytes:
        """Reads header blocks up to one that is not interim (RFC 9110, section 15.2); returns what follows it."""
        start, searched = 0, max(len(self._block) - 2, 0)
        block: bytearray | memoryview = data  # the usual one is here at once, and is not copied
        if self._block:
            self._block += data
            block = self._block
        excess = max(self._wire_bytes - self._limits.header_bytes, 0)  # bytes at the end that no header may have
        while found := HEAD_END.search(block, searched, len(block) - excess):
            self._read_head(bytes(block[start : found.end()]))
            start = searched = found.end()
            if self.status:
                self._block = bytearray()
                return bytes(block[start:])
        if start or block is data:
            self._block = bytearray(block[start:])
        if not b"HTTP/".startswith(self._block[:5].lstrip(b"\r\n")):
            raise UpstreamError(Reason.PROTOCOL_ERROR, f"no HTTP: {bytes(self._block[:100])!r}")
        if excess:
            raise UpstreamError(Reason.HEADERS_TOO_LARGE, f"more than {self._limits.header_bytes} bytes")
        return b""

    def _read_head(self, block: bytes) -> None:
        head = read_head(block, self._limits.header_fields)
        if head.status < 200:
            self._interim += 1
            if self._interim > self._limits.interim_responses:
                raise UpstreamError(Reason.HEADERS_TOO_LARGE, f"more than {self._limits.interim_responses} interim")
            return
        self.status, self.fields, self._length = head.status, head.fields, head.length
        self._is_persistent = head.is_persistent
        self.first_byte = perf_counter() - self._sent
        if head.length == 0:
            self._complete()
        elif head.is_chunked:
            self._parser = httptools.HttpResponseParser(self)
            # The connection ends with this response: a lenient line end can smuggle in nothing.
            self._parser.set_dangerous_leniencies(
                lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
            )
            self._parser.feed_data(_CHUNKED)

    def _complete(self) -> None:
        """Ends a body that is framed by its length."""
        if self._is_persistent:
            self._ended = True
            self._body.clear()
        else:
            self._end()

    def _notify(self) -> None:
        if self.on_data is not None:
            self.on_data()
        elif self._waiter is not None and (self.status or self._ended) and not self._waiter.done():
            self._waiter.set_result(None)
