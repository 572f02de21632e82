"""A slow client or origin holds a slot of its own and nothing else: the next client is served."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import quote, urlsplit

import pytest

from tests import client, running
from tests.exposition import Exposition
from tests.integration.test_caching import figure
from tests.integration.test_overload import Stuck, stuck  # noqa: F401 - a fixture
from tests.waiting import eventually

PATH = "/api/v1/scrap"


@contextlib.contextmanager
def connections(service: running.Service, many: int, data: bytes = b"") -> Iterator[list[socket.socket]]:
    """So many connections that say this much."""
    split = urlsplit(service.url)
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(many):
            held.append(stack.enter_context(socket.create_connection((split.hostname, split.port), timeout=10)))
            held[-1].sendall(data)
        yield held


def call(url: str) -> bytes:
    return f"GET {PATH}?url={quote(url, safe='')} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """Reads one answer from a kept connection: its status and its head."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return int(head[9:12]), head.lower()


def refused(service: running.Service) -> float:
    """Calls of the route that were shed, as the metrics count them."""
    scraped = Exposition(client.request(service.management, "/metrics").body.decode())
    return scraped.value("scrap_requests_total", route=PATH, outcome="shed")


def is_taken(service: running.Service, slots: int) -> bool:
    """Whether so many slots are taken, those of the queue included."""
    return figure(service, "scrap_admission_in_flight") + figure(service, "scrap_admission_waiting") == slots


@pytest.fixture(scope="module")
def few() -> Iterator[running.Service]:
    """A service with few slots of every kind."""
    settings = {
        "SCRAP_MAX_FETCHES": "3",
        "SCRAP_MAX_WAITING": "1",
        "SCRAP_MAX_WAIT": "20",
        "SCRAP_DEADLINE": "20",
        "SCRAP_FIRST_BYTE_SECONDS": "20",
        "SCRAP_CONNECTIONS": "32",
    }
    with running.service(settings) as service:
        yield service


def test_slow_writers_hold_a_connection_each(few: running.Service, origin: running.Origin) -> None:
    with connections(few, 30, b"GET /api/v1/scrap?url=ht"):
        assert client.scrap(few.url, f"{origin.url}/card.html").status == 200
        assert figure(few, "scrap_admission_in_flight") == 0


def test_slow_readers_hold_a_connection_each(few: running.Service, origin: running.Origin) -> None:
    with connections(few, 30, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 8):
        assert client.scrap(few.url, f"{origin.url}/card.html?readers").status == 200
        assert figure(few, "scrap_admission_in_flight") == 0


def test_stuck_origins_hold_a_slot_each(few: running.Service, origin: running.Origin, stuck: running.Origin) -> None:  # noqa: F811 - a fixture
    with ThreadPoolExecutor(2) as clients:
        taken = [clients.submit(client.scrap, few.url, f"{stuck.url}/{n}") for n in range(2)]
        for _ in taken:
            assert Stuck.arrived.acquire(timeout=10)
        for n in range(20):
            assert client.scrap(few.url, f"{origin.url}/card.html?stuck{n}").status == 200
        Stuck.released.set()
        assert {one.result().status for one in taken} == {200}


def test_a_flood_of_connections_is_answered_and_forgotten(few: running.Service, origin: running.Origin) -> None:
    with connections(few, 32), connections(few, 200) as more:
        for connection in more:
            status, head = answer(connection)
            assert status == 503
            assert b"\r\nretry-after: 1\r\n" in head
            assert connection.recv(1) == b""
    # It may not have seen yet that those are gone.
    eventually(lambda: client.request(few.url, "/openapi.json").status != 503)
    assert client.scrap(few.url, f"{origin.url}/card.html?flood").status == 200


def test_who_is_refused_keeps_the_connection_and_is_counted(few: running.Service, stuck: running.Origin) -> None:  # noqa: F811 - a fixture
    before = refused(few)
    threads = [threading.Thread(target=client.scrap, args=(few.url, f"{stuck.url}/full/{n}")) for n in range(4)]
    for held, thread in enumerate(threads, start=1):  # one after the other: two in one turn would be one too many
        thread.start()
        eventually(partial(is_taken, few, held))
    with connections(few, 2) as (one, other):
        for n in range(50):
            for connection in (one, other):
                connection.sendall(call(f"{stuck.url}/{n}"))
                status, head = answer(connection)
                assert status == 503
                assert b"\r\nretry-after: 1\r\n" in head
        other.sendall(call(f"{stuck.url}/full/1"))  # joins a fetch under way
        one.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(one)[0] == 200
        Stuck.released.set()
        for thread in threads:
            thread.join()
        assert answer(other)[0] == 200
        one.sendall(call(f"{stuck.url}/0"))
        assert answer(one)[0] == 200
    assert refused(few) == before + 100
