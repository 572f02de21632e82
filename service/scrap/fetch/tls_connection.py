"""TLS between a socket and a response: verified, counted on the wire, and done in short steps.

The event loop's own TLS hides what TLS itself costs: a record of one byte is 23 bytes on the wire and 1 µs of work, a
session ticket is 20 bytes and 8 µs. So this uses `SSLContext.wrap_bio`, which does no I/O (decision 0012).
"""

import asyncio
import ssl
from typing import cast

from scrap.errors import Reason, UpstreamError
from scrap.fetch import exhaustion
from scrap.fetch.limits import KIB
from scrap.fetch.response import TLSNotClosed, TLSOverheadExceeded, UpstreamResponse
from scrap.fetch.socket_reader import ConnectionResources, SocketReader
from scrap.fetch.tls_sessions import TLSSessions

_RECORD = 16 * KIB  # the most plaintext that a record has (RFC 8446, section 5.1)
_SLICE = 5 + _RECORD + 256
"""Bytes given to TLS at once, the largest record: what it does without giving plaintext back (tickets, keys) cannot be
interrupted. The least tickets, of 18 bytes, make 7 ms of it."""


class TLSConnection(SocketReader, asyncio.Transport):
    """The protocol of a TCP connection, and the transport of the response within it.

    Args:
        response: receives the plaintext.
        context: verifies the name of the response's target.

    Raises:
        UpstreamError: TLS_FAILED; a name that Python's IDNA cannot write is in no certificate.
    """

    def __init__(
        self, response: UpstreamResponse, context: ssl.SSLContext, sessions: TLSSessions, resources: ConnectionResources
    ) -> None:
        super().__init__(resources, piece=_SLICE)
        host, port = response.target.host, response.target.port
        self._response = response
        self._sessions = sessions
        self._limits = resources.limits
        self._plain = resources.plain  # at least two records long
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        session = sessions.get(host, port)
        self._is_resuming = session is not None
        try:
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host, session=session)
        except (ssl.SSLError, ValueError) as error:
            raise UpstreamError(Reason.TLS_FAILED, str(error)) from None
        self._is_secure = False  # the handshake is over
        self._waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()  # for the handshake's end
        self._overhead = 0  # bytes on the wire that were no plaintext, or are not decrypted yet

    async def handshake(self) -> None:
        """Waits until the connection is secure, and the response uses it; raises UpstreamError or Overloaded."""
        await self._waiter
        if not self._is_secure:
            raise self._response.error()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        left = memoryview(data)
        while left:
            left = left[self._tls.write(left) :]  # a record at a time
        self._flush()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Gives the plaintext to another response."""
        self._response = cast("UpstreamResponse", protocol)

    def abort(self) -> None:
        """Ends the connection at once; the response receives nothing more."""
        if self._transport is not None and self._is_secure:
            target = self._response.target
            self._sessions.note(target.host, target.port, self._tls, was_offered=self._is_resuming)
        self._end()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._step()

    def receive(self, data: memoryview) -> None:
        """Decrypts what was read."""
        self._incoming.write(data)
        self._overhead += len(data)
        self._step()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._rest:
            self._receive_rest()
        # RFC 9112, section 9.8: without close_notify there may have been more.
        self._lose(exc or TLSNotClosed("the connection ended, and TLS had not"))

    def _step(self) -> None:
        """Goes on with the handshake, or decrypts, as far as there are bytes to do it with."""
        if not self._is_secure and self._overhead > self._limits.tls_handshake_bytes:
            self._lose(TLSOverheadExceeded(f"a handshake of more than {self._limits.tls_handshake_bytes} bytes"))
            return
        try:
            if not self._is_secure:
                self._tls.do_handshake()
                self._response.connection_made(self)  # its request goes with the last bytes of the handshake
                self._is_secure = True
                self._wake()
            self._read()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._lose(error)
            return
        self._flush()
        limit = self._limits.tls_overhead_bytes
        if self._overhead > limit + self._incoming.pending:
            self._lose(TLSOverheadExceeded(f"more than {limit} bytes of TLS without content"))

    def _read(self) -> None:
        """Decrypts what there is; the response receives it by the buffer, not by the record."""
        filled, count = 0, -1
        try:
            while count and (self._incoming.pending or self._tls.pending()):
                if len(self._plain) - filled < _RECORD:
                    self._pass_on(filled)
                    filled = 0
                count = cast("int", self._tls.read(_RECORD, self._plain[filled:]))  # with a buffer: how many
                filled += count
        finally:
            if filled:
                self._pass_on(filled)
        if not count:  # close_notify
            self._lose(None)

    def _pass_on(self, size: int) -> None:
        self._overhead -= size
        if not self._ended:
            self._response.receive(self._plain[:size])

    def _flush(self) -> None:
        if self._transport is not None and self._outgoing.pending:
            self._transport.write(self._outgoing.read())

    def _lose(self, error: Exception | None) -> None:
        """Ends the connection, and the handshake or the response with it."""
        if self._ended:
            return
        self.abort()
        if self._is_secure:
            self._response.connection_lost(error)
        else:
            reason = Reason.EXHAUSTED if exhaustion.is_ours(error) else Reason.TLS_FAILED
            self._response.fail(reason, str(error or "closed during the handshake"))
            self._wake()

    def _wake(self) -> None:
        if not self._waiter.done():  # nobody may wait any more
            self._waiter.set_result(None)
