"""TLS without sockets: both ends in memory, a record and a loop iteration at a time."""

import asyncio
import contextlib
import errno
import itertools
import ssl
from dataclasses import dataclass, field

import pytest

from scrap import urls
from scrap.errors import Overloaded, Reason, UpstreamError
from scrap.fetch import FetchLimits, socket_reader, tls, tls_connection
from scrap.fetch.limits import KIB
from scrap.fetch.response import UpstreamResponse
from scrap.fetch.socket_reader import READ_BYTES, ConnectionResources
from scrap.fetch.tls_connection import TLSConnection
from scrap.fetch.tls_sessions import TLSSessions
from scrap.turns import Turns
from tests.hostile.certificates import NAME, Certificates

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
CERTIFICATES = Certificates()
TARGET = urls.parse(f"https://{NAME}/")


@dataclass
class Socket:
    """A transport that keeps what is sent, and whether it is read from."""

    sent: bytearray = field(default_factory=bytearray)
    writes: int = 0
    is_paused: bool = False
    is_aborted: bool = False

    def write(self, data: bytes) -> None:
        self.sent += data
        self.writes += 1

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def abort(self) -> None:
        self.is_aborted = True


class Ends:
    """A connection of the service, and its server."""

    def __init__(self, limits: FetchLimits, context: ssl.SSLContext | None = None, request: bytes = b"GET") -> None:
        resources = ConnectionResources(limits, Turns(budget=60))  # enough for a handshake in one iteration
        self.response = UpstreamResponse(TARGET, resources, request)
        self.connection = TLSConnection(self.response, CERTIFICATES.trusting, TLSSessions(), resources)
        self.socket = Socket()
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = (context or CERTIFICATES.good()).wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.connection.connection_made(self.socket)  # type: ignore[arg-type] # as far as it is used

    def shake_hands(self) -> None:
        """Exchanges bytes until the server is content."""
        while True:
            self.incoming.write(bytes(self.socket.sent))
            self.socket.sent.clear()
            with contextlib.suppress(ssl.SSLWantReadError):
                self.server.do_handshake()
                self.arrive(self.outgoing.read())
                return
            self.arrive(self.outgoing.read())

    def say(self, data: bytes, record: int = 16 * KIB) -> bytes:
        """Encrypts, in records of so many bytes."""
        for start in range(0, len(data), record):
            self.server.write(data[start : start + record])
        return self.outgoing.read()

    def arrive(self, data: bytes) -> None:
        """Has the event loop read bytes from the socket, all at once."""
        for start in range(0, len(data), READ_BYTES):
            part = data[start : start + READ_BYTES]
            self.connection.get_buffer(-1)[: len(part)] = part
            self.connection.buffer_updated(len(part))


async def rest(response: UpstreamResponse) -> bytes:
    """The body to its end, in however many turns it comes."""
    body = bytearray()
    while (part := response.take()) != b"":
        body += part or b""
        await asyncio.sleep(0)
    return bytes(body)


def without_tickets() -> ssl.SSLContext:
    context = CERTIFICATES.good()
    context.num_tickets = 0
    return context


async def test_the_request_goes_with_the_end_of_the_handshake() -> None:
    ends = Ends(FetchLimits(), without_tickets(), request=b"GET" * 10_000)  # several records
    ends.shake_hands()
    await ends.connection.handshake()
    asked = b""
    ends.incoming.write(bytes(ends.socket.sent))
    with contextlib.suppress(ssl.SSLWantReadError):
        while True:
            asked += ends.server.read(KIB)
    assert asked == b"GET" * 10_000


@pytest.mark.parametrize("record", [1, 23, 16 * KIB])
async def test_an_answer_is_the_same_whatever_its_records_are(record: int) -> None:
    body = bytes(range(256)) * 8  # one reading of the socket
    ends = Ends(FetchLimits())
    ends.shake_hands()
    ends.arrive(ends.say(HEAD % len(body) + body, record))
    await ends.response.head()
    assert ends.response.status == 200
    assert await rest(ends.response) == body
    assert not ends.response.cut
    assert ends.socket.is_aborted


async def test_an_answer_is_the_same_whatever_the_reads_are() -> None:
    body = bytes(range(256)) * 100
    ends = Ends(FetchLimits())
    ends.shake_hands()
    for byte in ends.say(HEAD % len(body) + body):
        ends.arrive(bytes([byte]))
    assert await rest(ends.response) == body


async def test_many_small_records_are_read_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket's 64 KiB of them would hold the event loop: after each slice it has its turn, and the socket waits."""
    body = b"x" * 1200
    monkeypatch.setattr(tls_connection, "_SLICE", 4 * KIB)
    ends = Ends(FetchLimits())
    ends.shake_hands()
    monkeypatch.setattr(socket_reader, "perf_counter", itertools.count(step=61).__next__)  # each takes a whole budget
    wire = ends.say(HEAD % 5000 + body, 1)
    assert 6 * tls_connection._SLICE < len(wire) <= READ_BYTES
    taken: list[bytes | None] = []
    ends.response.on_data = lambda: taken.append(ends.response.take())
    ends.arrive(wire)
    seen = []
    while ends.socket.is_paused:
        seen.append(ends.response.body_bytes)
        await asyncio.sleep(0)
    assert len(seen) == len(wire) // tls_connection._SLICE  # and the first
    assert 0 < seen[0] < seen[1] < seen[2] < ends.response.body_bytes == len(body)


async def test_what_waits_for_its_turn_is_dropped_with_the_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = Ends(FetchLimits())
    ends.shake_hands()
    monkeypatch.setattr(socket_reader, "perf_counter", itertools.count(step=61).__next__)  # each takes a whole budget
    ends.arrive(ends.say(HEAD % 5000 + b"x" * 1200, 1))
    seen = ends.response.body_bytes
    ends.response.abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ends.socket.is_aborted
    assert ends.response.body_bytes == seen


async def test_a_reader_that_is_slow_pauses_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = Ends(FetchLimits())
    ends.shake_hands()
    monkeypatch.setattr(socket_reader, "perf_counter", itertools.count(step=61).__next__)  # each takes a whole budget
    ends.arrive(ends.say(HEAD % 10**6 + b"x" * 28 * KIB))
    for _ in range(10):
        await asyncio.sleep(0)
    paused = [ends.socket.is_paused]  # by the response, also when the turns are over
    assert ends.response.take()
    paused.append(ends.socket.is_paused)
    assert ends.response.take() is None
    paused.append(ends.socket.is_paused)
    assert paused == [True, True, False]


@pytest.mark.parametrize("record", [1, 10])
async def test_what_tls_takes_for_itself_is_bounded(record: int) -> None:
    limit = 20 * KIB
    ends = Ends(FetchLimits(tls_overhead_bytes=limit))
    ends.shake_hands()
    ends.arrive(ends.say(HEAD % 10**6))
    for _ in range(100):
        ends.arrive(ends.say(b"x" * 100 * record, record))
        await asyncio.sleep(0)
    assert ends.response.cut
    assert ends.socket.is_aborted
    assert ends.response.body_bytes / record < limit / 22  # records
    await ends.response.head()
    assert await rest(ends.response) == b"x" * ends.response.body_bytes


async def test_large_records_are_none_of_its_business() -> None:
    ends = Ends(FetchLimits(tls_overhead_bytes=20 * KIB))
    ends.shake_hands()
    body = b"x" * 1024 * KIB
    reading = asyncio.create_task(rest(ends.response))
    for start in range(0, len(body), 32 * KIB):
        ends.arrive(ends.say((b"" if start else HEAD % len(body)) + body[start : start + 32 * KIB]))
        for _ in range(5):  # turns, and the reader's
            await asyncio.sleep(0)
    assert (await reading, ends.response.cut) == (body, False)


async def test_tickets_without_an_end_are_no_answer() -> None:
    context = CERTIFICATES.good()
    context.num_tickets = 500
    ends = Ends(FetchLimits(tls_overhead_bytes=20 * KIB), context)
    ends.shake_hands()
    await ends.connection.handshake()
    with pytest.raises(UpstreamError) as caught:
        await ends.response.head()
    assert caught.value.reason is Reason.TLS_FAILED
    assert ends.socket.is_aborted


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_host_that_asks_for_our_certificate(version: ssl.TLSVersion) -> None:
    """By TLS 1.3 it says so when the handshake is over for us."""
    context = CERTIFICATES.good()
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    ends = Ends(FetchLimits(), context)
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        ends.shake_hands()
    ends.arrive(ends.outgoing.read())
    with pytest.raises(UpstreamError) as caught:
        await (ends.response.head() if version is ssl.TLSVersion.TLSv1_3 else ends.connection.handshake())
    assert caught.value.reason is Reason.TLS_FAILED


@pytest.mark.parametrize("is_clean", [True, False])
@pytest.mark.parametrize("is_framed", [True, False])
async def test_the_end_of_a_page_is_believed_only_from_tls(is_clean: bool, is_framed: bool) -> None:
    """RFC 9112, section 9.8."""
    ends = Ends(FetchLimits())
    ends.shake_hands()
    ends.arrive(ends.say((HEAD % 100 if is_framed else b"HTTP/1.1 200 OK\r\n\r\n") + b"part"))
    if is_clean:
        assert ends.server.read(KIB) == b"GET"
        with contextlib.suppress(ssl.SSLWantReadError):
            ends.server.unwrap()
        ends.arrive(ends.outgoing.read())
    else:
        ends.connection.connection_lost(None)
    assert ends.response.take() == b"part"
    assert ends.response.take() == b""
    assert ends.response.cut is (is_framed or not is_clean)


async def test_a_record_that_was_tampered_with_cuts_the_page() -> None:
    ends = Ends(FetchLimits())
    ends.shake_hands()
    ends.arrive(ends.say(HEAD % 100 + b"part"))
    broken = bytearray(ends.say(b"more"))
    broken[-1] ^= 1
    ends.arrive(bytes(broken))
    assert ends.response.take() == b"part"
    assert ends.response.cut
    assert ends.socket.is_aborted


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (None, UpstreamError, Reason.TLS_FAILED),
        (ConnectionResetError(errno.ECONNRESET, "reset"), UpstreamError, Reason.TLS_FAILED),
        (OSError(errno.ENOBUFS, "no buffers"), Overloaded, Reason.EXHAUSTED),
    ],
)
async def test_connection_that_ends_in_the_handshake(
    error: Exception | None, kind: type[Exception], reason: Reason
) -> None:
    ends = Ends(FetchLimits())
    ends.connection.connection_lost(error)
    with pytest.raises(kind) as caught:
        await ends.connection.handshake()
    assert getattr(caught.value, "reason", None) is reason


async def test_handshake_without_an_end_is_none() -> None:
    """Records that are whole and hold a handshake message that is not."""
    ends = Ends(FetchLimits(tls_overhead_bytes=20 * KIB))
    for _ in range(30):
        ends.arrive(b"\x16\x03\x03\x04\x00" + b"\x02\x01\x00\x00" + bytes(1020))
    with pytest.raises(UpstreamError) as caught:
        await ends.connection.handshake()
    assert caught.value.reason is Reason.TLS_FAILED


async def test_name_that_is_in_no_certificate() -> None:
    resources = ConnectionResources(FetchLimits(), Turns())
    for name in ("a" * 64 + ".example", ".example"):
        response = UpstreamResponse(TARGET._replace(host=name), resources)
        with pytest.raises(UpstreamError) as caught:
            TLSConnection(response, CERTIFICATES.trusting, TLSSessions(), resources)
        assert caught.value.reason is Reason.TLS_FAILED


def test_a_host_cannot_ask_for_handshake_after_handshake() -> None:
    assert tls.context().options & ssl.OP_NO_RENEGOTIATION
