"""Overload: a quick rejection, and service as before afterwards."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import quote, urlsplit

import pytest

from tests import client, running
from tests.integration.test_caching import figure
from tests.waiting import eventually


class Stuck(running.Answer):
    """Responds when the test releases it."""

    arrived = threading.Semaphore(0)
    released = threading.Event()

    def do_GET(self) -> None:
        """Waits, then serves a page."""
        self.arrived.release()
        assert self.released.wait(30)
        self.answer(200, b'<meta property="og:title" content="At last">', {"Content-Type": "text/html"})


@pytest.fixture
def stuck() -> Iterator[running.Origin]:
    """An origin that is stuck until the test releases it."""
    Stuck.arrived, Stuck.released = threading.Semaphore(0), threading.Event()
    with running.origin(Stuck) as origin:
        yield origin
        Stuck.released.set()


@pytest.fixture
def small() -> Iterator[running.Service]:
    """A service with two slots and a queue of two that has rejected no request yet: in an overload it admits fewer."""
    settings = {"SCRAP_MAX_FETCHES": "2", "SCRAP_MAX_WAITING": "2", "SCRAP_MAX_WAIT": "20", "SCRAP_DEADLINE": "20"}
    with running.service(settings) as service:
        yield service


def fill(
    service: running.Service, stuck: running.Origin, clients: ThreadPoolExecutor
) -> list[Future[client.ServiceResponse]]:
    """Takes all slots and the queue, one after the other: of requests at once one begins in an iteration."""
    requests: list[Future[client.ServiceResponse]] = []
    while len(requests) < 4:
        requests.append(clients.submit(client.scrap, service.url, f"{stuck.url}/{len(requests)}"))
        eventually(lambda: figure(service, "scrap_admission_in_flight") + waiting(service) == len(requests))
    return requests


def waiting(service: running.Service) -> float:
    """Fetches in the queue."""
    return figure(service, "scrap_admission_waiting")


def test_a_saturated_service_rejects_and_serves_what_it_admitted(small: running.Service, stuck: running.Origin) -> None:
    with ThreadPoolExecutor(4) as clients:
        admitted = fill(small, stuck, clients)
        assert figure(small, "scrap_admission_saturation_ratio") == 1
        rejected = client.scrap(small.url, f"{stuck.url}/5")
        assert (rejected.status, rejected.json["reason"], rejected.json["fault"]) == (503, "full", "service")
        assert int(rejected.headers["Retry-After"]) >= 1
        Stuck.released.set()
        assert {request.result().json["title"] for request in admitted} == {"At last"}
    assert client.scrap(small.url, f"{stuck.url}/5").status == 200
    assert figure(small, "scrap_admission_in_flight") == 0


def test_a_cached_page_needs_no_slot(small: running.Service, origin: running.Origin, stuck: running.Origin) -> None:
    client.scrap(small.url, f"{origin.url}/card.html")
    with ThreadPoolExecutor(4) as clients:
        fill(small, stuck, clients)
        assert client.scrap(small.url, f"{origin.url}/card.html").status == 200
        Stuck.released.set()


def test_the_slots_of_clients_that_disconnect_are_released(small: running.Service, stuck: running.Origin) -> None:
    split = urlsplit(small.url)
    for n in range(2):
        with socket.create_connection((split.hostname, split.port)) as connection:
            path = f"/api/v1/scrap?url={quote(f'{stuck.url}/{n}', safe='')}"
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert Stuck.arrived.acquire(timeout=10)
    # No client waits for these pages any more.
    eventually(lambda: figure(small, "scrap_admission_in_flight") == 0)


def test_a_slow_host_does_not_block_others(origin: running.Origin, stuck: running.Origin) -> None:
    settings = {"SCRAP_MAX_PER_HOST": "1", "SCRAP_MAX_WAITING_PER_HOST": "1", "SCRAP_ALLOWED_HOSTS": "localhost"}
    with running.service(settings) as service, ThreadPoolExecutor(2) as clients:
        there = stuck.url.replace("127.0.0.1", "localhost")
        first = clients.submit(client.scrap, service.url, f"{there}/1")
        assert Stuck.arrived.acquire(timeout=10)
        second = clients.submit(client.scrap, service.url, f"{there}/2")
        eventually(lambda: figure(service, "scrap_admission_in_flight") >= 2)
        assert client.scrap(service.url, f"{there}/3").json["reason"] == "full"
        assert client.scrap(service.url, f"{origin.url}/card.html").status == 200
        Stuck.released.set()
        assert (first.result().status, second.result().status) == (200, 200)


@pytest.mark.parametrize("path", ["/api/v1/scrap", "/api/v1/explain"])
def test_a_request_that_shares_a_fetch_is_logged_as_joined(stuck: running.Origin, path: str) -> None:
    page = f"{path}?url={quote(f'{stuck.url}/shared', safe='')}"
    with running.service() as service, ThreadPoolExecutor(2) as clients:
        first = clients.submit(client.request, service.url, page, headers={"X-Request-ID": "first"})
        assert Stuck.arrived.acquire(timeout=10)
        second = clients.submit(client.request, service.url, page, headers={"X-Request-ID": "second"})
        eventually(lambda: figure(service, "scrap_flights_joined_total") == 1)
        Stuck.released.set()
        assert first.result().body == second.result().body
        assert "fetch;dur=0.0" in second.result().headers["Server-Timing"]
        service.stop()
    lines = {line["request_id"]: line for line in map(json.loads, service.log) if line["event"] == "request"}
    assert (lines["first"]["cache"], lines["second"]["cache"]) == ("miss", "joined")
    assert "first_byte" in lines["first"]
    assert "first_byte" not in lines["second"]
