"""A final slash: the client is sent to the path without it, on the same host, with the same query."""

from urllib.parse import urljoin

import pytest

from tests import client, running

PATHS = ["/api/v1/scrap", "/openapi.json", "/docs", "/problems/blocked"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "query", ["", "?url=https%3A%2F%2Fexample.com%2F%3Fa%3D1%26b", "?a=//evil.example/", "?%0d%0aA:b"]
)
@pytest.mark.parametrize("path", PATHS)
def test_a_final_slash_redirects(service: running.Service, path: str, query: str, method: str) -> None:
    response = client.request(service.url, f"{path}/{query}", method=method, headers={"Host": "evil.example"})
    assert (response.status, response.body) == (308, b"")
    location = response.headers["Location"]
    assert (
        urljoin(f"https://scrap.example/prefix{path}/{query}", location) == f"https://scrap.example/prefix{path}{query}"
    )
    assert response.headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_of_the_management_port_too(service: running.Service, path: str) -> None:
    response = client.request(service.management, f"{path}/")
    assert (response.status, response.headers["Location"]) == (308, f"..{path}")


@pytest.mark.parametrize(
    "path",
    [
        "//", "//evil.example/", "/api/v1/scrap//", "/nowhere/", "//api/v1/scrap/", "/api/v1/scrap%2F",
        "/api/v1/scrap%2f?url=x", "/api/v1%2Fscrap/", "/%2Fdocs/",
    ],
)  # fmt: skip
def test_no_other_path_redirects(service: running.Service, path: str) -> None:
    response = client.request(service.url, path)
    assert (response.status, response.json["reason"]) == (404, "not_found")


def test_other_methods_are_rejected(service: running.Service) -> None:
    response = client.request(service.url, "/api/v1/scrap/", method="POST")
    assert (response.status, set(response.headers["Allow"].split(", "))) == (405, {"GET", "HEAD"})
