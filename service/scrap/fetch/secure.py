"""TLS between a socket and a response: verified, counted on the wire, and done in short steps.

The event loop's own TLS (`create_connection(ssl=…)`) hides what TLS itself costs: a record of one byte is 23 bytes on
the wire and 1 µs of work, a session ticket is 20 bytes and 8 µs, and all that a socket holds is done in one piece. So
this uses the standard library's `SSLContext.wrap_bio`, which does no I/O.
"""

import asyncio
import ssl
from time import perf_counter
from typing import cast

from scrap.errors import Overloaded, Reason, UpstreamError
from scrap.fetch import exhaustion
from scrap.fetch.limits import KIB, FetchLimits
from scrap.fetch.response import TLSNotClosed, TLSOverheadExceeded, UpstreamResponse
from scrap.fetch.tls_sessions import TLSSessions
from scrap.turns import Turns

_RECORD = 16 * KIB  # the most plaintext that a record has (RFC 8446, section 5.1)
_SLICE = 5 + _RECORD + 256
"""Bytes given to TLS at once, the largest record: what it does without giving plaintext back (tickets, keys) cannot be
interrupted. The least tickets, of 18 bytes, make 7 ms of it."""
_STEP = 0.002
"""Seconds of work, after which the rest of what was read waits for the next turn."""


class TLSConnection(asyncio.BufferedProtocol, asyncio.Transport):
    """The protocol of a TCP connection, and the transport of the response within it.

    Args:
        response: receives the plaintext.
        context: verifies the name of the response's target.
        turns: the event loop's time; what is read is decrypted and parsed when it is its turn.
        wire: what the socket is read into; all connections of an event loop share it.
        plain: what the response parses, at least two records long; shared likewise.

    Raises:
        UpstreamError: TLS_FAILED; a name that Python's IDNA cannot write is in no certificate.
    """

    def __init__(
        self,
        response: UpstreamResponse,
        context: ssl.SSLContext,
        sessions: TLSSessions,
        limits: FetchLimits,
        turns: Turns,
        *,
        wire: memoryview,
        plain: memoryview,
    ) -> None:
        super().__init__()
        host, port = response.target.host, response.target.port
        self._response = response
        self._sessions = sessions
        self._limit = limits.tls_overhead_bytes
        self._turns = turns
        self._wire = wire
        self._plain = plain
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        session = sessions.get(host, port)
        self._is_resuming = session is not None
        try:
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host, session=session)
        except (ssl.SSLError, ValueError) as error:
            raise UpstreamError(Reason.TLS_FAILED, str(error)) from None
        self._socket: asyncio.Transport | None = None
        self._secured: asyncio.Future[bool] = asyncio.get_running_loop().create_future()  # False: it failed
        self._failure: tuple[Reason, str] = Reason.TLS_FAILED, "closed during the handshake"
        self._overhead = 0  # bytes on the wire that were no plaintext, or are not decrypted yet
        self._rest = b""  # read, and waiting for its turn; the socket is paused
        self._paused = False  # by the response

    async def handshake(self) -> None:
        """Waits until the connection is secure, and the response uses it; raises UpstreamError or Overloaded."""
        if not await self._secured:
            reason, internal = self._failure
            raise (Overloaded if reason is Reason.EXHAUSTED else UpstreamError)(reason, internal)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        left = memoryview(data)
        while left:
            left = left[self._tls.write(left) :]  # a record at a time
        self._flush()

    def pause_reading(self) -> None:
        """Pauses the socket; what was read from it before is still decrypted."""
        self._paused = True
        if self._socket is not None:
            self._socket.pause_reading()

    def resume_reading(self) -> None:
        """Resumes the socket, once what was read before is decrypted."""
        self._paused = False
        if self._socket is not None and not self._rest:
            self._socket.resume_reading()

    def abort(self) -> None:
        """Ends the connection at once; the response receives nothing more."""
        socket, self._socket = self._socket, None
        self._rest = b""
        if not self._secured.done():
            self._secured.set_result(False)
        if socket is not None:
            socket.abort()
            if not self._secured.cancelled() and self._secured.result():
                target = self._response.target
                self._sessions.note(target.host, target.port, self._tls, was_offered=self._is_resuming)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast("asyncio.Transport", transport)
        self._step()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._wire

    def buffer_updated(self, nbytes: int) -> None:
        if self._turns.is_free and not self._rest:
            self._work(self._wire[:nbytes])
        else:
            self._put_off(self._wire[:nbytes])

    def eof_received(self) -> None:
        """Lets the connection be closed."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._rest:
            self._work_on()
        if self._socket is not None:  # RFC 9112, section 9.8: without close_notify there may have been more
            self._lose(exc or TLSNotClosed("the connection ended, and TLS had not"))

    def _work(self, data: memoryview) -> None:
        """Decrypts what was read, in slices, and puts off what takes too long."""
        started, spent = perf_counter(), self._turns.spent
        seconds = 0.0
        while self._socket is not None and data and seconds <= _STEP:
            self._incoming.write(data[:_SLICE])
            self._overhead += len(data[:_SLICE])
            data = data[_SLICE:]
            self._step()
            seconds = perf_counter() - started
        self._turns.spend(seconds - (self._turns.spent - spent))
        if data and self._socket is not None:
            self._put_off(data)

    def _put_off(self, data: memoryview) -> None:
        if not self._rest:
            self._turns.call_soon(self._work_on)
        self._rest += bytes(data)
        if self._socket is not None:
            self._socket.pause_reading()

    def _work_on(self) -> None:
        rest, self._rest = self._rest, b""
        self._work(memoryview(rest))
        if self._socket is not None and not self._rest and not self._paused:
            self._socket.resume_reading()

    def _step(self) -> None:
        """Goes on with the handshake, or decrypts, as far as there are bytes to do it with."""
        try:
            if not self._secured.done():
                self._tls.do_handshake()
                self._response.connection_made(self)  # its request goes with the last bytes of the handshake
                self._secured.set_result(True)
            self._read()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._lose(error)
            return
        self._flush()
        if self._overhead > self._limit + self._incoming.pending:
            self._lose(TLSOverheadExceeded(f"more than {self._limit} bytes of TLS without content"))

    def _read(self) -> None:
        """Decrypts what there is; the response receives it by the buffer, not by the record."""
        filled, is_over = 0, False
        try:
            while not is_over and (self._incoming.pending or self._tls.pending()):
                count = cast("int", self._tls.read(_RECORD, self._plain[filled:]))  # with a buffer: how many
                is_over = not count  # close_notify
                filled += count
                if len(self._plain) - filled < _RECORD:
                    self._pass_on(filled)
                    filled = 0
        finally:
            if filled:
                self._pass_on(filled)
        if is_over:
            self._lose(None)

    def _pass_on(self, size: int) -> None:
        self._overhead -= size
        if self._socket is not None:
            self._response.receive(self._plain[:size])

    def _flush(self) -> None:
        if self._socket is not None and self._outgoing.pending:
            self._socket.write(self._outgoing.read())

    def _lose(self, error: Exception | None) -> None:
        """Ends the connection, and the handshake or the response with it."""
        if self._socket is None:
            return
        is_secure = self._secured.done()
        if error is not None and not is_secure:
            self._failure = Reason.EXHAUSTED if exhaustion.is_ours(error) else Reason.TLS_FAILED, str(error)
        self.abort()
        if is_secure:
            self._response.connection_lost(error)
