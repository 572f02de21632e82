"""Start, readiness, and an end that loses nobody."""

import http.client
import threading
from urllib.parse import urlsplit

import pytest

from tests import client, running
from tests.waiting import eventually


class Slow(running.Answer):
    """Answers when the test says so."""

    arrived: threading.Semaphore
    released: threading.Event

    def do_GET(self) -> None:
        """Waits, then serves a page."""
        self.arrived.release()
        assert self.released.wait(20)
        self.answer(200, b'<meta property="og:title" content="Late">', {"Content-Type": "text/html"})


def test_health_is_on_the_management_port(service: running.Service) -> None:
    assert client.request(service.management, "/livez").body == b"ok\n"
    assert client.request(service.management, "/readyz").body == b"ok\n"
    assert client.request(service.management, "/metrics").status == 200
    assert client.request(service.management, "/api/v1/scrap").status == 404


def test_sigterm_drains() -> None:
    class Origin(Slow):
        arrived, released = threading.Semaphore(0), threading.Event()

    with running.origin(Origin) as origin, running.service() as service:
        kept = http.client.HTTPConnection(urlsplit(service.url).netloc)
        kept.request("GET", "/openapi.json")
        kept.getresponse().read()
        answers: list[client.Answer] = []
        caller = threading.Thread(target=lambda: answers.append(client.scrap(service.url, origin.url)))
        caller.start()
        assert Origin.arrived.acquire(timeout=10)

        service.process.terminate()
        # Readiness drops at once; the management port stays up to say so.
        eventually(lambda: client.request(service.management, "/readyz").status != 200)
        assert client.request(service.management, "/livez").status == 200
        kept.request("GET", "/openapi.json")  # a caller who does not know yet is still served, for the last time
        late = kept.getresponse()
        assert (late.status, late.headers["Connection"]) == (200, "close")
        assert client.request(service.url, "/openapi.json").status == 200

        Origin.released.set()
        caller.join(20)
        assert [answer.json["title"] for answer in answers] == ["Late"]
        assert service.process.wait(20) == 0
    with pytest.raises(ConnectionRefusedError):
        client.request(service.url, "/openapi.json")


def test_what_never_ends_is_told_so_at_the_shutdown_limit() -> None:
    class Origin(Slow):
        arrived, released = threading.Semaphore(0), threading.Event()

    with running.origin(Origin) as origin, running.service({"SCRAP_SHUTDOWN": "1"}) as service:
        answers: list[client.Answer] = []
        caller = threading.Thread(target=lambda: answers.append(client.scrap(service.url, origin.url)))
        caller.start()
        assert Origin.arrived.acquire(timeout=10)
        assert service.stop() == 0
        caller.join(20)
        Origin.released.set()
    assert [(answer.status, answer.json["reason"]) for answer in answers] == [(503, "draining")]
