"""Clients that send too much, too slowly, or nothing: each gets its response, and the next client is served."""

import contextlib
import socket
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest

from tests import client, running
from tests.integration.test_caching import figure
from tests.waiting import eventually


@pytest.fixture(scope="module")
def strict() -> Iterator[running.Service]:
    """A service with low limits."""
    settings = {
        "SCRAP_REQUEST_SECONDS": "0.3",
        "SCRAP_WRITE_SECONDS": "0.3",
        "SCRAP_REQUEST_BYTES": "2000",
        "SCRAP_CONNECTIONS": "8",
    }
    with running.service(settings) as service:
        yield service


def exchange(service: running.Service, data: bytes) -> bytes:
    """Sends data on a connection of its own; returns all that comes back until it is closed."""
    with client.connect(service.url) as connection:
        connection.sendall(data)
        return rest(connection)


def rest(connection: socket.socket) -> bytes:
    """All that comes back until the connection is closed."""
    answer = b""
    while chunk := connection.recv(65536):
        answer += chunk
    return answer


def request_for_ever(connection: socket.socket) -> None:
    """Sends requests, and reads nothing."""
    while True:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"400", b"request_malformed"),
        (b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 4000, b"431", b"request_too_large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 60_000 + b"\r\n\r\n", b"431", b"request_too_large"),
        (b"GET /openapi.json HTTP/1.1\r\n\r\n", b"400", b"request_malformed"),
        (b"GET /openapi.json HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", b"400", b"request_malformed"),
        (b"GET /openapi.json HTTP/1.1\r\nHost: x y\r\n\r\n", b"400", b"request_malformed"),
        (b"GET /slow HTTP/1.1\r\n", b"408", b"request_timeout"),
    ],
)
def test_what_is_no_request(strict: running.Service, data: bytes, status: bytes, reason: bytes) -> None:
    head, _, body = exchange(strict, data).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert b"application/problem+json" in head
    assert reason in body
    assert client.request(strict.url, "/openapi.json").status == 200


def test_an_idle_connection_is_closed_without_a_response(strict: running.Service) -> None:
    assert exchange(strict, b"") == b""


def test_a_request_with_a_body_closes_its_connection(strict: running.Service) -> None:
    answer = exchange(strict, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer


def test_requests_sent_ahead_are_bounded(strict: running.Service) -> None:
    request = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    assert exchange(strict, request * 30).count(b"HTTP/1.1 200") <= 9
    assert client.request(strict.url, "/openapi.json").status == 200


def test_one_connection_too_many_gets_a_response(strict: running.Service) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(8):
            held.enter_context(client.connect(strict.url))
        answer = client.request(strict.url, "/openapi.json")
    assert (answer.status, answer.json["reason"]) == (503, "full")
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_client_that_does_not_read_is_disconnected(strict: running.Service) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        split = urlsplit(strict.url)
        connection.connect((split.hostname, split.port))
        connection.settimeout(10)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            request_for_ever(connection)
        assert client.request(strict.url, "/openapi.json").status == 200


def test_the_management_port_needs_a_host_too(strict: running.Service) -> None:
    for version, status in ((b"1.1", b"400"), (b"1.0", b"200")):
        with client.connect(strict.management) as connection:
            connection.sendall(b"GET /livez HTTP/" + version + b"\r\n\r\n")
            assert rest(connection).startswith(b"HTTP/1.1 " + status)


def page_request(url: str, version: str = "1.1") -> bytes:
    """The request for the preview of a page."""
    return f"GET /api/v1/scrap?url={quote(url, safe='')} HTTP/{version}\r\nHost: x\r\n\r\n".encode()


def test_a_client_that_sends_no_more_gets_its_responses(service: running.Service) -> None:
    with client.connect(service.url) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        connection.shutdown(socket.SHUT_WR)
        assert rest(connection).count(b"HTTP/1.1 200 ") == 3


def test_an_idle_client_that_sends_no_more_is_closed(service: running.Service) -> None:
    with client.connect(service.url) as connection:
        connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 404")
        connection.shutdown(socket.SHUT_WR)
        assert rest(connection) == b""


@pytest.mark.parametrize(("version", "interim"), [("1.1", b"HTTP/1.1 100 Continue\r\n\r\n"), ("1.0", b"")])
def test_a_client_that_sends_no_more_gets_a_slow_page(service: running.Service, version: str, interim: bytes) -> None:
    with running.held_origin() as late, client.connect(service.url) as connection:
        connection.sendall(page_request(late.url, version))
        eventually(lambda: figure(service, "scrap_admission_in_flight") == 1)
        connection.shutdown(socket.SHUT_WR)
        first = connection.recv(len(interim)) if interim else b""
        assert first == interim
        late.released.set()
        *_, head, body = (first + rest(connection)).split(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in head
        assert b"Late" in body
    assert client.request(service.url, "/openapi.json").status == 200


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_client_that_sends_no_more_and_then_disconnects_leaves_nothing_behind(version: str) -> None:
    settings = {"SCRAP_DEADLINE": "5" if version == "1.0" else "60"}
    with running.held_origin() as late, running.service(settings) as service:
        with client.connect(service.url) as connection:
            connection.sendall(page_request(late.url, version))
            eventually(lambda: figure(service, "scrap_admission_in_flight") == 1)
            connection.shutdown(socket.SHUT_WR)
        eventually(lambda: figure(service, "scrap_admission_in_flight") == 0)
        assert figure(service, "scrap_requests_in_flight") == 0
