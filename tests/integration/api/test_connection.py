"""Callers who say too much, too slowly, or nothing: each gets its answer, and the next caller is served."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests import client, running


@pytest.fixture(scope="module")
def strict() -> Iterator[running.Service]:
    """A service with little patience."""
    settings = {
        "SCRAP_REQUEST_SECONDS": "0.3",
        "SCRAP_WRITE_SECONDS": "0.3",
        "SCRAP_REQUEST_BYTES": "2000",
        "SCRAP_CONNECTIONS": "8",
    }
    with running.service(settings) as service:
        yield service


def say(service: running.Service, data: bytes) -> bytes:
    """Says something on a connection of its own; gives all that comes back until it is closed."""
    split = urlsplit(service.url)
    with socket.create_connection((split.hostname, split.port), timeout=10) as connection:
        connection.sendall(data)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


def ask_for_ever(connection: socket.socket) -> None:
    """Asks, and reads nothing."""
    while True:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"400", b"request_malformed"),
        (b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 4000, b"431", b"request_too_large"),
        (b"GET /slow HTTP/1.1\r\n", b"408", b"request_timeout"),
    ],
)
def test_what_is_no_request(strict: running.Service, data: bytes, status: bytes, reason: bytes) -> None:
    head, _, body = say(strict, data).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert b"application/problem+json" in head
    assert reason in body
    assert client.request(strict.url, "/openapi.json").status == 200


def test_silence_is_closed_without_a_word(strict: running.Service) -> None:
    assert say(strict, b"") == b""


def test_a_body_goes_with_its_connection(strict: running.Service) -> None:
    answer = say(strict, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer


def test_requests_sent_ahead_are_bounded(strict: running.Service) -> None:
    request = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    assert say(strict, request * 30).count(b"HTTP/1.1 200") <= 9
    assert client.request(strict.url, "/openapi.json").status == 200


def test_one_connection_too_many_is_told_so(strict: running.Service) -> None:
    split = urlsplit(strict.url)
    held = [socket.create_connection((split.hostname, split.port)) for _ in range(8)]
    try:
        answer = client.request(strict.url, "/openapi.json")
        assert (answer.status, answer.json["reason"]) == (503, "full")
        assert int(answer.headers["Retry-After"]) >= 1
    finally:
        for connection in held:
            connection.close()


def test_a_reader_that_does_not_read_is_cut(strict: running.Service) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        split = urlsplit(strict.url)
        connection.connect((split.hostname, split.port))
        connection.settimeout(10)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            ask_for_ever(connection)
        assert client.request(strict.url, "/openapi.json").status == 200
