"""A client's connection, without a socket."""

import asyncio
import re
import time
from contextvars import ContextVar
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from scrap.api.connection import Connection, ConnectionConfig, ConnectionLimits
from scrap.api.request_context import rejection
from scrap.api.server import Server, ServerLimits
from scrap.clients import NO_CLIENTS
from scrap.errors import Reason, ScrapError
from scrap.events import Event, RequestEnded, RequestStarted, ignore
from scrap.http_date import parse

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class FakeTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False
        self.ended = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True
        self.ended.set()

    def abort(self) -> None:
        self.close()

    def pause_reading(self) -> None:
        """Nothing is read."""

    resume_reading = pause_reading


class FakeClient:
    """A client of an application that responds to everything."""

    def __init__(self, limits: ConnectionLimits | None = None, keep_alive: int = 0) -> None:
        self.requests = 0
        self.transport = FakeTransport()
        config = ConnectionConfig(
            limits=limits or ConnectionLimits(),
            reject=partial(rejection, emit=ignore, clients=NO_CLIENTS),
            app=self.respond,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            timeout_keep_alive=keep_alive,
        )
        self.connection = Connection(config=config, server_state=ServerState(), app_state={})
        self.connection.connection_made(self.transport)

    @property
    def statuses(self) -> list[bytes]:
        """The statuses of the responses."""
        return [data[9:12] for data in self.transport.written if data.startswith(b"HTTP/1.1 ")]

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests += 1
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def run_ready_tasks() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_client_that_disconnects_while_responses_wait_disconnects_every_request() -> None:
    client = FakeClient()
    client.connection.pause_writing()
    client.connection.data_received(REQUEST * 3)
    await run_ready_tasks()
    assert (client.requests, client.transport.written) == (1, [])
    client.transport.closed = True
    client.connection.connection_lost(ConnectionResetError())
    await run_ready_tasks()
    assert (client.requests, client.transport.written) == (1, [])


async def test_one_connection_too_many_gets_a_response() -> None:
    client = FakeClient(ConnectionLimits(connections=0))
    assert client.transport.written[0].startswith(b"HTTP/1.1 503 ")
    assert client.transport.closed
    client.connection.data_received(REQUEST)
    client.connection.connection_lost(None)
    await run_ready_tasks()
    assert client.requests == 0


def head(size: int) -> bytes:
    """A whole request of so many bytes."""
    filler = b"GET / HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n"
    return filler % (b"x" * (size - len(filler) + 2))


@given(
    sizes=st.lists(st.integers(40, 200), min_size=1, max_size=5),
    cuts=st.sets(st.integers(1, 1000)),
)
def test_each_head_is_measured_by_itself_in_whatever_pieces_it_comes(sizes: list[int], cuts: set[int]) -> None:
    async def measure() -> None:
        client = FakeClient(ConnectionLimits(head_bytes=120, pipelined=8))
        stream = b"".join(map(head, sizes))
        for start, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]):
            client.connection.data_received(stream[start:end])
        await run_ready_tasks()
        client.connection.connection_lost(None)
        fitting = next((index for index, size in enumerate(sizes) if size > 120), len(sizes))
        rejected = fitting < len(sizes)
        assert client.statuses == [b"204"] * fitting + [b"431"] * rejected

    asyncio.run(measure())


@pytest.mark.parametrize(
    "data",
    [
        head(60_000),
        b"GET / HTTP/1.1\r\nHost: " + b" " * 60_000 + b"x\r\n\r\n",  # the parser passes no white space on
        b"GET /" + b"x" * 60_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 10_000,
    ],
)
async def test_a_large_head_in_one_read_is_rejected(data: bytes) -> None:
    client = FakeClient()
    client.connection.data_received(data)
    await run_ready_tasks()
    assert (client.requests, client.statuses, client.transport.closed) == (0, [b"431"], True)


@pytest.mark.parametrize(("fields", "status"), [(98, b"204"), (99, b"431")])
@pytest.mark.parametrize("piece", [7, 100_000])
async def test_lines_of_a_head_are_counted(fields: int, status: bytes, piece: int) -> None:
    """A field of five bytes takes 200 of memory: a head within its bytes took 400 KiB."""
    client = FakeClient()
    request = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * (fields - 1) + b"\r\n"
    stream = REQUEST + request  # each head by itself
    for start in range(0, len(stream), piece):
        client.connection.data_received(stream[start : start + piece])
    await run_ready_tasks()
    assert client.statuses == [b"204", status]


async def test_no_more_requests_than_two_are_sent_ahead() -> None:
    """Each that waits holds its head."""
    client = FakeClient()
    client.connection.data_received(REQUEST * 3)
    assert not client.transport.closed
    client.connection.data_received(REQUEST)
    assert client.transport.closed


async def test_a_rejection_has_its_date() -> None:
    """RFC 9110, section 6.6.1."""
    client = FakeClient()
    client.connection.data_received(b"GARBAGE\r\n\r\n")
    (head,) = client.transport.written
    date = re.search(rb"\r\ndate: ([^\r]+)\r\n", head)
    assert date
    assert abs((parse(date[1].decode()) or 0) - time.time()) < 60


async def test_content_is_no_part_of_a_head() -> None:
    client = FakeClient(ConnectionLimits(head_bytes=100))
    body = b"x" * 5000
    client.connection.data_received(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + body[:2000])
    client.connection.data_received(body[2000:])
    await run_ready_tasks()
    assert (client.statuses, client.transport.closed) == ([b"204"], True)


@pytest.mark.parametrize("late", [b"GET / HTTP/1.1\r\n\r\n", head(200), b"\x16\x03\x01"])
async def test_a_rejection_comes_behind_the_responses_that_are_under_way(late: bytes) -> None:
    client = FakeClient(ConnectionLimits(head_bytes=100))
    client.connection.data_received(REQUEST * 2 + late + REQUEST)
    assert client.transport.written == []
    client.connection.data_received(REQUEST)
    await run_ready_tasks()
    assert client.statuses[:2] == [b"204", b"204"]
    assert len(client.statuses) == 3
    assert client.statuses[2] in {b"400", b"431"}
    assert client.transport.closed


@pytest.mark.parametrize(
    "host",
    [
        "x", "example.com", "example.com:8080", "example.com:", "127.0.0.1:80", "[::1]", "[::ffff:192.0.2.1]:443",
        "[v1.a:b]", "a_b", "%41", "xn--bcher-kva.example", "", " x ", "\tx\t", "a!$&'()*+,;=~",
    ],
)  # fmt: skip
async def test_a_valid_host_is_served(host: str) -> None:
    client = FakeClient()
    client.connection.data_received(f"GET / HTTP/1.1\r\nHost:{host}\r\n\r\n".encode())
    await run_ready_tasks()
    assert client.statuses == [b"204"]


@pytest.mark.parametrize(
    "lines",
    [
        b"", b"X: y\r\n", b"Host: x\r\nHost: x\r\n", b"Host: x\r\nhOST: y\r\n", b"Host: a b\r\n", b"Host: a/b\r\n",
        b"Host: a@b\r\n", b"Host: a:b\r\n", b"Host: a:80:80\r\n", b"Host: \xc3\xbc\r\n", b"Host: %4\r\n",
        b"Host: a,b?\r\n", b"Host: [::1\r\n", b"Host: [:::]\r\n", b"Host: [1.2.3.4]\r\n",
        b"Host: [fe80::1%25eth0]\r\n", b"Host: ::1\r\n", b"Host: http://a\r\n", b"Host: <a>\r\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("target", [b"/", b"http://x/"])
async def test_not_one_valid_host_is_malformed(lines: bytes, target: bytes) -> None:
    client = FakeClient()
    client.connection.data_received(b"GET " + target + b" HTTP/1.1\r\n" + lines + b"\r\n")
    await run_ready_tasks()
    assert (client.requests, client.statuses, client.transport.closed) == (0, [b"400"], True)
    assert b"request_malformed" in client.transport.written[0]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
        b"GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_an_old_request_needs_no_host_and_a_whole_url_is_a_target(request_: bytes) -> None:
    client = FakeClient()
    client.connection.data_received(request_)
    await run_ready_tasks()
    assert client.statuses == [b"204"]


async def test_two_hosts_are_malformed_in_an_old_request_too() -> None:
    client = FakeClient()
    client.connection.data_received(b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n")
    await run_ready_tasks()
    assert client.statuses == [b"400"]


async def test_empty_lines_keep_no_connection() -> None:
    client = FakeClient(keep_alive=1)
    client.connection.data_received(REQUEST)
    await run_ready_tasks()
    client.connection.data_received(b"\r\n" * 100_000)  # as many as come in a read: each by itself would take long
    client.connection.data_received(b"\r\n" + REQUEST)
    await run_ready_tasks()
    client.connection.data_received(b"\r\n")
    async with asyncio.timeout(10):
        await client.transport.ended.wait()
    assert client.statuses == [b"204", b"204"]


async def test_nothing_is_cut_at_empty_lines_that_ends_no_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read of nothing else would be cut into tens of thousands of pieces, each of which costs a call or more."""
    reads: list[int] = []
    received = HttpToolsProtocol.data_received

    def count(connection: HttpToolsProtocol, data: bytes) -> None:
        reads.append(len(data))
        received(connection, data)

    monkeypatch.setattr(HttpToolsProtocol, "data_received", count)
    client = FakeClient()
    empty = b"\r\n\r\n" * 10_000
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n"
    client.connection.data_received(empty + post + empty)
    await run_ready_tasks()
    assert reads == [len(post), len(empty)]


@pytest.mark.parametrize("before", [b"", REQUEST, REQUEST[:10], REQUEST + REQUEST[:10]])
async def test_the_end_of_what_a_client_sends_ends_an_idle_connection(before: bytes) -> None:
    client = FakeClient()
    client.connection.data_received(before)
    await run_ready_tasks()
    assert not client.connection.eof_received()
    client.connection.connection_lost(None)


async def test_a_client_that_sends_no_more_gets_all_its_responses() -> None:
    client = FakeClient()
    client.connection.data_received(REQUEST * 3 + REQUEST[:10])
    assert client.connection.eof_received()
    await run_ready_tasks()
    assert [status for status in client.statuses if status != b"100"] == [b"204"] * 3
    assert b"".join(client.transport.written).count(b"connection: close") == 1
    assert client.transport.closed
    client.connection.connection_lost(None)


def test_a_rejection_leaves_nothing_in_the_context_that_connections_share() -> None:
    events: ContextVar[tuple[type[Event], ...]] = ContextVar("events", default=())

    def emit(event: Event) -> None:
        events.set((*events.get(), type(event)))
        if isinstance(event, RequestEnded):
            seen.append(events.get())

    seen: list[tuple[type[Event], ...]] = []
    limits = ConnectionLimits()
    server = Server(Starlette(), limits=ServerLimits(), connections=limits, emit=emit, clients=NO_CLIENTS)
    assert isinstance(server.config, ConnectionConfig)
    assert server.config.reject(ScrapError(Reason.REQUEST_TIMEOUT), None).startswith(b"HTTP/1.1 408 ")
    assert seen == [(RequestStarted, RequestEnded)]
    assert events.get() == ()


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
async def test_nothing_keeps_a_connection_that_ended_after_a_response(error: Exception | None) -> None:
    client = FakeClient(keep_alive=60)
    client.connection.data_received(REQUEST)
    await run_ready_tasks()
    assert client.connection.timeout_keep_alive_task is not None
    client.connection.connection_lost(error)
    assert client.connection.timeout_keep_alive_task is None
