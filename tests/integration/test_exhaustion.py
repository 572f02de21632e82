"""A running service with no file descriptor left: it says so, blames nobody else, and is well again afterwards."""

import http.client
import json
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import quote, urlsplit

import pytest

from tests import client, running
from tests.integration.test_caching import figure
from tests.waiting import eventually

SLOTS = 4


@pytest.fixture
def service() -> Iterator[running.Service]:
    """Takes pages at their word, so that a stale one is at hand, and looks localhost up (in /etc/hosts)."""
    settings = {
        "SCRAP_ALLOWED_HOSTS": "localhost",
        "SCRAP_CACHE_MIN": "0",
        "SCRAP_MAX_FETCHES": str(SLOTS),
        "SCRAP_MAX_WAITING": "0",
        "SCRAP_RESOLVER_THREADS": str(SLOTS),
    }
    with running.service(settings) as service:
        yield service


@contextmanager
def no_descriptors(service: running.Service) -> Iterator[None]:
    """Lets the process open no more descriptors; those that it has stay (Linux)."""
    pid = service.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


class Open:
    """A client whose connections are there before the descriptors are gone; a new one would be closed at once."""

    def __init__(self, base: str, stack: ExitStack) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=30)
        stack.callback(self._connection.close)
        self.get("/")  # now it is accepted, and does not wait in the backlog

    def get(self, path: str) -> client.ServiceResponse:
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        return client.ServiceResponse(answer.status, answer.headers, answer.read())

    def scrap(self, url: str) -> client.ServiceResponse:
        return self.get(f"/api/v1/scrap?url={quote(url, safe='')}")


class Stale(running.Answer):
    """A page that is stale at once, and may stand in."""

    def do_GET(self) -> None:
        """Serves it."""
        headers = {"Content-Type": "text/html", "Cache-Control": "max-age=0, stale-while-revalidate=0"}
        self.answer(200, b'<meta property="og:title" content="Kept">', headers)


def test_without_descriptors_calls_fail_by_our_fault_and_afterwards_none_does(
    service: running.Service, origin: running.Origin
) -> None:
    by_name = origin.url.replace("127.0.0.1", "localhost")
    with ExitStack() as stack, running.origin(Stale) as kept:
        assert client.scrap(service.url, f"{by_name}/card.html").status == 200  # the libraries have opened their files
        assert client.scrap(service.url, f"{kept.url}/").json["title"] == "Kept"
        clients = [Open(service.url, stack) for _ in range(SLOTS)]
        management = Open(service.management, stack)
        with no_descriptors(service):
            for number in range(3 * SLOTS):  # more than there are slots, and threads for look-ups
                for base in (origin.url, by_name):
                    answer = clients[number % SLOTS].scrap(f"{base}/card.html?{number}")
                    assert (answer.status, answer.json["reason"], answer.json["fault"]) == (503, "exhausted", "service")
                    assert answer.headers["Content-Type"] == "application/problem+json"
                    assert int(answer.headers["Retry-After"]) >= 1
                    assert "no-store" in answer.headers["Cache-Control"]
            instead = clients[0].scrap(f"{kept.url}/")
            assert (instead.status, instead.json["title"]) == (200, "Kept")
            assert management.get("/readyz").status == 200
        for number in range(3 * SLOTS):  # the same pages: the failures were not kept
            for base in (origin.url, by_name):
                assert clients[number % SLOTS].scrap(f"{base}/card.html?{number}").status == 200
        assert client.scrap(service.url, f"{kept.url}/").json["title"] == "Kept"  # by a new connection
        eventually(lambda: figure(service, "scrap_admission_in_flight") == 0)
        assert figure(service, 'scrap_failures_total{fault="service",outcome="shed",reason="exhausted"}') == 6 * SLOTS
        assert management.get("/readyz").status == 200
    assert service.stop() == 0


def test_the_log_says_what_was_missing(service: running.Service, origin: running.Origin) -> None:
    with ExitStack() as stack:
        opened = Open(service.url, stack)
        client.scrap(service.url, f"{origin.url}/card.html")
        with no_descriptors(service):
            assert opened.scrap(f"{origin.url}/card.html?1").status == 503
    assert service.stop() == 0
    eventually(lambda: any('"exhausted"' in line for line in service.log))
    (line,) = [json.loads(line) for line in service.log if '"reason":"exhausted"' in line]
    assert (line["level"], line["status"], line["outcome"], line["fault"]) == ("warning", 503, "shed", "service")
    assert "Too many open files" in line["internal"]
