"""Reading a socket when it is its turn."""

import asyncio
from abc import abstractmethod
from dataclasses import dataclass, field
from time import perf_counter

from scrap.fetch.limits import KIB, FetchLimits
from scrap.turns import Turns

READ_BYTES = 32 * KIB  # that one read of a socket takes
STEP_SECONDS = 0.002  # of work, after which the rest of what was read waits for the next turn


@dataclass(frozen=True, slots=True)
class ConnectionResources:
    """What all connections of an event loop share; between a buffer's filling and its reading nothing else runs."""

    limits: FetchLimits
    turns: Turns
    wire: memoryview = field(default_factory=lambda: memoryview(bytearray(READ_BYTES)))  # what sockets are read into
    plain: memoryview = field(default_factory=lambda: memoryview(bytearray(READ_BYTES)))  # what TLS decrypts to


class SocketReader(asyncio.BufferedProtocol):
    """A protocol that receives what is read in its turn, so many bytes at once; meanwhile the socket is paused."""

    def __init__(self, resources: ConnectionResources, piece: int = READ_BYTES) -> None:
        super().__init__()
        self._transport: asyncio.Transport | None = None
        self._ended = False  # nothing more is received
        self._buffer = resources.wire
        self._turns = resources.turns
        self._piece = piece
        self._rest = b""  # read, and waiting for its turn
        self._paused = False  # by `pause_reading`

    @abstractmethod
    def receive(self, data: memoryview) -> None:
        """Works on a piece of what was read."""

    def pause_reading(self) -> None:
        """Pauses the socket; what was read from it before is still received."""
        self._paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Resumes the socket, once what was read before is received."""
        self._paused = False
        if self._transport is not None and not self._rest:
            self._transport.resume_reading()

    def _end(self) -> None:
        """Ends the connection at once."""
        self._ended, self._rest = True, b""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._turns.is_free and not self._rest:
            self._receive_in_turn(self._buffer[:nbytes])
        else:
            self._put_off(self._buffer[:nbytes])

    def _receive_in_turn(self, data: memoryview) -> None:
        started, spent, seconds = perf_counter(), self._turns.spent, 0.0
        while data and not self._ended and seconds <= STEP_SECONDS:
            self.receive(data[: self._piece])
            data = data[self._piece :]
            seconds = perf_counter() - started
        self._turns.spend(seconds - (self._turns.spent - spent))  # a step within counts its own
        if data and self._ended:
            self._end()
        elif data:
            self._put_off(data)

    def _put_off(self, data: memoryview) -> None:
        if not self._rest:
            self._turns.call_soon(self._receive_rest)
        self._rest += bytes(data)
        if self._transport is not None:
            self._transport.pause_reading()

    def _receive_rest(self) -> None:
        rest, self._rest = self._rest, b""
        self._receive_in_turn(memoryview(rest))
        if not self._paused:
            self.resume_reading()
