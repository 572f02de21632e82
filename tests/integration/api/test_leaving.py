"""Clients that leave before they have a response, over real sockets."""

import http.client
import json
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from tests import client, running
from tests.exposition import Exposition
from tests.waiting import eventually

PAGE = b'<meta property="og:title" content="One">'


class SlowSite(running.Answer):
    """Serves `/stuck` never, and any other path when it may."""

    asked: threading.Semaphore
    left: threading.Semaphore
    may: threading.Event

    def do_GET(self) -> None:
        """Answers by the path."""
        self.asked.release()
        if self.path.startswith("/stuck"):
            self.rfile.read()  # until the service has closed the connection
            self.left.release()
            return
        self.may.wait(60)
        self.answer(200, PAGE, {"Content-Type": "text/html"})


@pytest.fixture
def slow_site() -> Iterator[tuple[type[SlowSite], str]]:
    class FreshSlowSite(SlowSite):
        asked, left, may = threading.Semaphore(0), threading.Semaphore(0), threading.Event()

    with running.origin(FreshSlowSite) as origin:
        yield FreshSlowSite, origin.url
        FreshSlowSite.may.set()


def ask(service: running.Service, url: str, request_id: str) -> socket.socket:
    """Sends a request; closing the socket resets its connection, which the service notices at once."""
    connection = client.connect(service.url)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    path = f"/api/v1/scrap?url={quote(url, safe='')}"
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-ID: {request_id}\r\n\r\n".encode())
    return connection


def line_of(service: running.Service, request_id: str) -> Any:
    """The log line of a request."""
    return json.loads(eventually(lambda: [line for line in service.log if f'"request_id":"{request_id}"' in line])[0])


def joined(service: running.Service) -> float:
    exposition = client.request(service.management, "/metrics").body.decode()
    return Exposition(exposition).value("scrap_flights_joined_total")


def test_a_page_whose_client_has_left_is_fetched_no_longer(slow_site: tuple[type[SlowSite], str]) -> None:
    handler, url = slow_site
    with running.service({"SCRAP_DEADLINE": "60", "SCRAP_FIRST_BYTE_TIMEOUT": "60"}) as service:
        with ask(service, f"{url}/stuck", "alone"):
            assert handler.asked.acquire(timeout=20)
        assert handler.left.acquire(timeout=20)
        line = line_of(service, "alone")
    assert (line["status"], line["reason"]) == (499, "caller_left")


def test_the_client_that_came_first_leaves_and_the_other_has_the_page(slow_site: tuple[type[SlowSite], str]) -> None:
    handler, url = slow_site
    with running.service() as service, ThreadPoolExecutor(1) as pool:
        with ask(service, f"{url}/page", "first"):
            assert handler.asked.acquire(timeout=20)
            second = pool.submit(client.scrap, service.url, f"{url}/page")
            eventually(lambda: joined(service) == 1)
        assert joined(service) == 1  # a request later, the service has seen the reset
        handler.may.set()
        answer = second.result(timeout=20)
        first = line_of(service, "first")
    assert (answer.status, answer.json["title"]) == (http.client.OK, "One")
    assert not handler.asked.acquire(blocking=False)  # one fetch
    assert first["reason"] == "caller_left"


def test_a_client_that_joined_leaves_alone(slow_site: tuple[type[SlowSite], str]) -> None:
    handler, url = slow_site
    with running.service() as service, ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.scrap, service.url, f"{url}/page")
        assert handler.asked.acquire(timeout=20)
        with ask(service, f"{url}/page", "second"):
            eventually(lambda: joined(service) == 1)
        second = line_of(service, "second")  # before the page is there
        handler.may.set()
        assert first.result(timeout=20).status == http.client.OK
    assert (second["status"], second["reason"]) == (499, "caller_left")
