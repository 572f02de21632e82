"""Too much at once: a quick no, and nobody is kept from being served afterwards."""

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
    """Answers when the test says so."""

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
    """A service with two places, and two in the waiting room, that has refused nobody yet: it would let in fewer."""
    settings = {"SCRAP_MAX_FETCHES": "2", "SCRAP_MAX_WAITING": "2", "SCRAP_MAX_WAIT": "20", "SCRAP_DEADLINE": "20"}
    with running.service(settings) as service:
        yield service


def fill(
    service: running.Service, stuck: running.Origin, callers: ThreadPoolExecutor
) -> list[Future[client.ServiceResponse]]:
    """Takes all places and the waiting room, one after the other: of those who come at once one begins, a turn."""
    calls: list[Future[client.ServiceResponse]] = []
    while len(calls) < 4:
        calls.append(callers.submit(client.scrap, service.url, f"{stuck.url}/{len(calls)}"))
        eventually(lambda: figure(service, "scrap_admission_in_flight") + waiting(service) == len(calls))
    return calls


def waiting(service: running.Service) -> float:
    """How many wait for a place."""
    return figure(service, "scrap_admission_waiting")


def test_a_full_house_says_no_and_keeps_serving_what_it_took(small: running.Service, stuck: running.Origin) -> None:
    with ThreadPoolExecutor(4) as callers:
        taken = fill(small, stuck, callers)
        assert figure(small, "scrap_admission_saturation_ratio") == 1
        refused = client.scrap(small.url, f"{stuck.url}/5")
        assert (refused.status, refused.json["reason"], refused.json["fault"]) == (503, "full", "service")
        assert int(refused.headers["Retry-After"]) >= 1
        Stuck.released.set()
        assert {call.result().json["title"] for call in taken} == {"At last"}
    assert client.scrap(small.url, f"{stuck.url}/5").status == 200
    assert figure(small, "scrap_admission_in_flight") == 0


def test_what_is_kept_needs_no_place(small: running.Service, origin: running.Origin, stuck: running.Origin) -> None:
    client.scrap(small.url, f"{origin.url}/card.html")
    with ThreadPoolExecutor(4) as callers:
        fill(small, stuck, callers)
        assert client.scrap(small.url, f"{origin.url}/card.html").status == 200
        Stuck.released.set()


def test_callers_who_leave_give_their_place_back(small: running.Service, stuck: running.Origin) -> None:
    split = urlsplit(small.url)
    for n in range(2):
        with socket.create_connection((split.hostname, split.port)) as connection:
            path = f"/api/v1/scrap?url={quote(f'{stuck.url}/{n}', safe='')}"
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert Stuck.arrived.acquire(timeout=10)
    # Nobody waits for these pages any more, so they are not waited for.
    eventually(lambda: figure(small, "scrap_admission_in_flight") == 0)


def test_a_slow_host_does_not_hold_the_house(origin: running.Origin, stuck: running.Origin) -> None:
    settings = {"SCRAP_MAX_PER_HOST": "1", "SCRAP_MAX_WAITING_PER_HOST": "1", "SCRAP_ALLOWED_HOSTS": "localhost"}
    with running.service(settings) as service, ThreadPoolExecutor(2) as callers:
        there = stuck.url.replace("127.0.0.1", "localhost")
        first = callers.submit(client.scrap, service.url, f"{there}/1")
        assert Stuck.arrived.acquire(timeout=10)
        second = callers.submit(client.scrap, service.url, f"{there}/2")
        eventually(lambda: figure(service, "scrap_admission_in_flight") >= 2)
        assert client.scrap(service.url, f"{there}/3").json["reason"] == "full"
        assert client.scrap(service.url, f"{origin.url}/card.html").status == 200
        Stuck.released.set()
        assert (first.result().status, second.result().status) == (200, 200)


def test_a_request_that_shares_a_fetch_is_logged_as_joined(stuck: running.Origin) -> None:
    with running.service() as service, ThreadPoolExecutor(2) as clients:
        first = clients.submit(client.scrap, service.url, f"{stuck.url}/shared", headers={"X-Request-ID": "first"})
        assert Stuck.arrived.acquire(timeout=10)
        second = clients.submit(client.scrap, service.url, f"{stuck.url}/shared", headers={"X-Request-ID": "second"})
        eventually(lambda: figure(service, "scrap_flights_joined_total") == 1)
        Stuck.released.set()
        assert first.result().body == second.result().body
        assert "fetch;dur=0.0" in second.result().headers["Server-Timing"]
        service.stop()
    lines = {line["request_id"]: line for line in map(json.loads, service.log) if line["event"] == "request"}
    assert (lines["first"]["cache"], lines["second"]["cache"]) == ("miss", "joined")
    assert "first_byte" in lines["first"]
    assert "first_byte" not in lines["second"]
