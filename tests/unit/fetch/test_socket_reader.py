"""What a socket gives is received in turns, in order, and the socket is paused meanwhile."""

import asyncio

from scrap.fetch import FetchLimits
from scrap.fetch.socket_reader import ConnectionResources, SocketReader
from scrap.turns import Turns


class PausableSocket(asyncio.Transport):
    """A transport that knows whether it is read from."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")

    def abort(self) -> None:
        self.calls.append("abort")


class PieceReader(SocketReader):
    """Keeps what it receives; each piece takes a second of the turns."""

    def __init__(self, budget: float) -> None:
        self.turns = Turns(budget=budget)
        super().__init__(ConnectionResources(FetchLimits(), self.turns), piece=4)
        self._transport = self.socket = PausableSocket()
        self.received: list[bytes] = []
        self.ends_after = 100  # pieces, with the connection left open

    def receive(self, data: memoryview) -> None:
        self.received.append(bytes(data))
        self.turns.spend(1.0)
        self._ended = len(self.received) == self.ends_after

    def arrive(self, data: bytes) -> None:
        self.get_buffer(-1)[: len(data)] = data
        self.buffer_updated(len(data))

    def end(self) -> None:
        self._end()


def waiting() -> PieceReader:
    """A reader that got bytes when it was not its turn."""
    reader = PieceReader(budget=1.0)
    reader.turns.spend(1.0)
    reader.arrive(b"abc")
    return reader


async def test_within_the_budget_it_is_received_at_once_by_the_piece() -> None:
    reader = PieceReader(budget=60.0)
    reader.arrive(b"abcdefghij")
    assert (reader.received, reader.socket.calls) == ([b"abcd", b"efgh", b"ij"], [])


async def test_beyond_the_budget_it_waits_in_order_and_the_socket_is_paused() -> None:
    reader = waiting()
    reader.arrive(b"de")  # what the event loop had read already
    assert (reader.received, reader.socket.calls) == ([], ["pause", "pause"])
    await asyncio.sleep(0)
    assert (reader.received, reader.socket.calls[2:]) == ([b"abcd", b"e"], ["resume"])


async def test_a_socket_that_was_paused_by_its_reader_stays_so() -> None:
    reader = waiting()
    reader.pause_reading()
    await asyncio.sleep(0)
    assert (reader.received, reader.socket.calls) == ([b"abc"], ["pause", "pause"])
    reader.resume_reading()
    assert reader.socket.calls[2:] == ["resume"]


async def test_a_socket_is_not_resumed_while_something_waits() -> None:
    reader = waiting()
    reader.resume_reading()
    assert reader.socket.calls == ["pause"]


async def test_nothing_is_received_after_the_end() -> None:
    reader = waiting()
    reader.end()
    await asyncio.sleep(0)
    assert (reader.received, reader.socket.calls) == ([], ["pause", "abort"])


async def test_bytes_behind_the_end_of_what_is_received_end_the_connection() -> None:
    reader = PieceReader(budget=60.0)
    reader.ends_after = 1
    reader.arrive(b"abcd")
    assert reader.socket.calls == []
    reader = PieceReader(budget=60.0)
    reader.ends_after = 1
    reader.arrive(b"abcdef")
    assert (reader.received, reader.socket.calls) == ([b"abcd"], ["abort"])
