"""Start, readiness, and an end that loses nobody."""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest

from tests import client, running
from tests.waiting import eventually


def test_health_is_on_the_management_port(service: running.Service) -> None:
    assert client.request(service.management, "/livez").body == b"ok\n"
    assert client.request(service.management, "/readyz").body == b"ok\n"
    assert client.request(service.management, "/metrics").status == 200
    assert client.request(service.management, "/api/v1/scrap").status == 404


def test_sigterm_drains() -> None:
    with running.held_origin() as origin, running.service() as service:
        kept = http.client.HTTPConnection(urlsplit(service.url).netloc)
        kept.request("GET", "/openapi.json")
        kept.getresponse().read()
        answers: list[client.ServiceResponse] = []
        scraping = threading.Thread(target=lambda: answers.append(client.scrap(service.url, origin.url)))
        scraping.start()
        assert origin.arrived.acquire(timeout=10)

        service.process.terminate()
        # Readiness drops at once; the management port stays up to say so.
        eventually(lambda: client.request(service.management, "/readyz").status != 200)
        assert client.request(service.management, "/livez").status == 200
        kept.request("GET", "/openapi.json")  # a client that has not noticed yet is still served, for the last time
        late = kept.getresponse()
        assert (late.status, late.headers["Connection"]) == (200, "close")
        assert client.request(service.url, "/openapi.json").status == 200

        origin.released.set()
        scraping.join(20)
        assert [answer.json["title"] for answer in answers] == ["Late"]
        assert service.process.wait(20) == 0
    with pytest.raises(ConnectionRefusedError):
        client.request(service.url, "/openapi.json")


@pytest.mark.parametrize("linger", ["0", "1"])
def test_what_never_ends_is_answered_at_the_shutdown_limit(linger: str) -> None:
    settings = {"SCRAP_SHUTDOWN": "3", "SCRAP_LINGER": linger, "SCRAP_DEADLINE": "60"}
    with running.held_origin() as origin, running.service(settings) as service:
        # A metrics reader that does not read is under way on the management port, too.
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((urlsplit(service.management).hostname, urlsplit(service.management).port))
        reader.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 8)
        answers: list[client.ServiceResponse] = []
        scrapings = [
            threading.Thread(target=lambda path=path: answers.append(client.scrap(service.url, f"{origin.url}/{path}")))
            for path in range(2)
        ]
        scrapings[0].start()
        assert origin.arrived.acquire(timeout=10)
        started = time.monotonic()
        service.process.terminate()
        if linger != "0":  # who comes while it lingers has the same deadline
            eventually(lambda: client.request(service.management, "/readyz").status != 200)
            scrapings[1].start()
            assert origin.arrived.acquire(timeout=10)
        assert service.process.wait(60) == 0
        assert 3 <= time.monotonic() - started < 6
        for scraping in scrapings:
            if scraping.ident is not None:
                scraping.join(20)
        reader.close()
    assert {(answer.status, answer.json["reason"]) for answer in answers} == {(503, "draining")}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_standard_stream_that_is_closed_at_the_start(closed: str, origin: running.Origin) -> None:
    port, management = free_port(), free_port()
    settings = {"SCRAP_PORT": f"{port}", "SCRAP_MANAGEMENT_PORT": f"{management}"}
    loopback = {"SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8", "SCRAP_ALLOWED_PORTS": "1-65535"}
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "scrap", "serve"]
    with subprocess.Popen(command, env={**os.environ, **settings, **loopback}) as process:
        try:
            eventually(lambda: is_open(port))
            base = f"http://127.0.0.1:{port}"
            for page in ("card.html", "nothing.html"):
                assert client.scrap(base, f"{origin.url}/{page}").status == 200
        finally:
            process.terminate()
        assert process.wait(60) == 0


def is_open(port: int) -> bool:
    """Whether somebody listens on it."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
