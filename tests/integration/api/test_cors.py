"""CORS: off without the setting; with it, scripts of the origins read every response."""

import http.client
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests import client, running

APP = "https://app.example"
EXTENSION = "chrome-extension://abcdefghijklmnop"
PREFLIGHT = {"Origin": APP, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-request-id"}
EXPOSED = {"age", "content-location", "etag", "link", "retry-after", "server-timing", "x-request-id"}


@pytest.fixture(scope="module")
def open_service() -> Iterator[running.Service]:
    """A service for the scripts of three origins, with one slot, that nobody may wait for."""
    settings = {
        "SCRAP_CORS_ORIGINS": f"{APP}, http://localhost:3000, {EXTENSION}",
        "SCRAP_MAX_FETCHES": "1",
        "SCRAP_MAX_WAITING": "0",
    }
    with running.service(settings) as service:
        yield service


def names(headers: http.client.HTTPMessage, name: str) -> set[str]:
    """The items of a list, in lower case."""
    return {item.strip().lower() for item in headers[name].split(",")}


def test_nothing_changes_without_the_setting(service: running.Service, origin: running.Origin) -> None:
    url = f"{origin.url}/card.html"
    with_origin, without = client.scrap(service.url, url, headers={"Origin": APP}), client.scrap(service.url, url)
    assert with_origin.headers.keys() == without.headers.keys()
    assert names(with_origin.headers, "Vary") == {"accept-language"}
    assert client.scrap(service.url, url, method="OPTIONS", headers=PREFLIGHT).status == 405


@pytest.mark.parametrize("path", ["/api/v1/scrap", "/openapi.json", "/problems/shed"])
def test_a_preflight_is_answered(open_service: running.Service, path: str) -> None:
    response = client.request(open_service.url, path, method="OPTIONS", headers=PREFLIGHT)
    assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, APP)
    assert names(response.headers, "Access-Control-Allow-Methods") == {"get", "head"}
    sent = {"cache-control", "if-none-match", "traceparent", "tracestate", "x-request-id", "accept-language"}
    assert sent <= names(response.headers, "Access-Control-Allow-Headers")
    assert response.headers["Access-Control-Allow-Credentials"] is None
    assert "origin" in names(response.headers, "Vary")
    assert response.headers["X-Request-ID"]


@pytest.mark.parametrize(
    "change",
    [
        {"Origin": "https://evil.example"},
        {"Origin": f"{APP}.evil.example"},
        {"Origin": "null"},
        {"Access-Control-Request-Method": "POST"},
        {"Access-Control-Request-Headers": "authorization"},
    ],
)
def test_another_preflight_is_a_problem(open_service: running.Service, change: dict[str, str]) -> None:
    response = client.request(open_service.url, "/api/v1/scrap", method="OPTIONS", headers=PREFLIGHT | change)
    assert (response.status, response.headers["Content-Type"]) == (400, "application/problem+json")
    assert (response.json["reason"], response.json["instance"]) == (
        "preflight_rejected", response.headers["X-Request-ID"]
    )  # fmt: skip
    assert response.headers["Access-Control-Allow-Origin"] == (None if "Origin" in change else APP)
    assert names(response.headers, "Access-Control-Allow-Methods") == {"get", "head"}
    assert names(response.headers, "Vary") >= {"origin"}


@pytest.mark.parametrize("origin_of_script", [APP, "http://localhost:3000", EXTENSION])
def test_every_response_may_be_read(
    open_service: running.Service, origin: running.Origin, origin_of_script: str
) -> None:
    headers = {"Origin": origin_of_script}
    url = f"{origin.url}/card.html"
    found = client.scrap(open_service.url, url, headers=headers)
    same = client.scrap(open_service.url, url, headers=headers | {"If-None-Match": found.headers["ETag"]})
    others = [
        client.request(open_service.url, path, method=method, headers=headers)
        for path, method in (
            ("/api/v1/scrap", "GET"),
            ("/api/v1/scrap", "POST"),
            ("/api/v1/scrap?url=http%3A%2F%2F10.0.0.1%2F", "GET"),
            ("/nowhere", "GET"),
            ("/api/v1/scrap/", "GET"),
            ("/openapi.json", "HEAD"),
        )
    ]
    assert [response.status for response in (found, same, *others)] == [200, 304, 400, 405, 403, 404, 308, 200]
    for response in (found, same, *others):
        assert response.headers["Access-Control-Allow-Origin"] == origin_of_script
        assert names(response.headers, "Access-Control-Expose-Headers") == EXPOSED
        assert "origin" in names(response.headers, "Vary")
    assert "accept-language" in names(found.headers, "Vary")


def test_a_rejection_may_be_read(open_service: running.Service) -> None:
    """The load shedder's: one fetch has the slot, and another is rejected twice."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        first = http.client.HTTPConnection(urlsplit(open_service.url).netloc, timeout=30)
        first.request("GET", f"/api/v1/scrap?url=http%3A%2F%2F{host}%3A{port}%2F")
        held, _ = silent.accept()
        for number in range(2):
            response = client.scrap(open_service.url, f"http://127.0.0.2:{port}/{number}", headers={"Origin": APP})
            assert (response.status, response.json["reason"], response.headers["Retry-After"]) == (503, "full", "1")
            assert response.headers["Access-Control-Allow-Origin"] == APP
        held.close()
        first.close()


def test_a_response_of_the_connection_itself_may_not(open_service: running.Service) -> None:
    with client.connect(open_service.url) as connection:
        connection.sendall(f"GET /openapi.json HTTP/1.1\r\nOrigin: {APP}\r\n\r\n".encode())  # without Host
        response = b"".join(iter(lambda: connection.recv(65536), b""))
    assert response.startswith(b"HTTP/1.1 400 ")
    assert b"access-control" not in response.lower()


def test_a_response_that_any_may_cache_depends_on_the_origin(
    open_service: running.Service, origin: running.Origin
) -> None:
    for headers in ({}, {"Origin": "https://evil.example"}):
        response = client.scrap(open_service.url, f"{origin.url}/card.html", headers=headers)
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, None)
        assert names(response.headers, "Vary") == {"accept-language", "origin"}


def test_every_origin(origin: running.Origin) -> None:
    with running.service({"SCRAP_CORS_ORIGINS": "*"}) as service:
        response = client.scrap(service.url, f"{origin.url}/card.html", headers={"Origin": "https://any.example"})
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        preflight = client.request(service.url, "/api/v1/scrap", method="OPTIONS", headers=PREFLIGHT)
        assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (200, "*")
        rejected = PREFLIGHT | {"Access-Control-Request-Method": "PUT"}
        assert client.request(service.url, "/api/v1/scrap", method="OPTIONS", headers=rejected).status == 400
        service.stop()
    lines = [json.loads(line) for line in service.log if '"request"' in line and line.startswith("{")]
    assert [(line["method"], line["status"], line.get("reason")) for line in lines] == [
        ("GET", 200, None), ("OPTIONS", 200, None), ("OPTIONS", 400, "preflight_rejected")
    ]  # fmt: skip
