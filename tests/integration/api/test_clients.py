"""Which client sent a request, through the running service: its log, and `/clients`."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests import client, running
from tests.waiting import eventually

FULL = {"SCRAP_LOG_CLIENTS": "full", "SCRAP_TRUSTED_PROXIES": "127.0.0.0/8,::1"}
PATH = "/openapi.json"


def listed(service: running.Service) -> dict[str, Any]:
    found: dict[str, Any] = client.request(service.management, "/clients").json
    return found


def rows(service: running.Service) -> dict[str, dict[str, Any]]:
    """The rows of `/clients`, by address."""
    return {row.pop("client_address"): row for row in listed(service)["clients"]}


def lines(service: running.Service) -> list[dict[str, Any]]:
    """The request lines of a service that is stopped."""
    return [line for line in map(json.loads, service.log) if line["event"] == "request"]


def test_requests_failures_and_blocked_targets_are_listed_by_client() -> None:
    one, other = ({"X-Forwarded-For": address, "User-Agent": "it"} for address in ("198.51.100.1", "2001:db8::1"))
    with running.service(FULL) as service:
        for _ in range(3):
            assert client.request(service.url, PATH, headers=one).status == 200
        assert client.scrap(service.url, "http://10.0.0.1/", headers=other).status == 403
        assert client.scrap(service.url, "nonsense", headers=other).status == 400
        assert rows(service) == {
            "198.51.100.1": {"requests": 3, "failures": 0, "rejections": 0, "blocked": 0, "user_agent": "it"},
            "2001:db8::1": {"requests": 2, "failures": 2, "rejections": 0, "blocked": 1, "user_agent": "it"},
        }
        answer = client.request(service.management, "/clients")
        assert answer.headers["content-type"] == "application/json"
        assert client.request(service.url, "/clients").status == 404, "not on the public port"
        service.stop()
    assert [line["client_address"] for line in lines(service)][:5] == ["198.51.100.1"] * 3 + ["2001:db8::1"] * 2
    assert {line["user_agent"] for line in lines(service)[:5]} == {"it"}


def test_rejected_connections_and_malformed_requests_are_listed() -> None:
    with running.service({**FULL, "SCRAP_CONNECTIONS": "1"}) as service:
        with client.connect(service.url) as first:
            first.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
            assert first.recv(12) == b"HTTP/1.1 200"
            with client.connect(service.url) as second:
                assert second.recv(12) == b"HTTP/1.1 503"
            first.sendall(b"nonsense\r\n\r\n")
            assert eventually(lambda: rows(service)["127.0.0.1"]["failures"] == 2)
        row = rows(service)["127.0.0.1"]
        assert (row["requests"], row["rejections"]) == (3, 1)
        service.stop()
    assert [(line["status"], line["client_address"]) for line in lines(service)] == [
        (200, "127.0.0.1"),
        (503, "127.0.0.1"),
        (400, "127.0.0.1"),
    ]


def test_requests_that_the_load_shedder_rejects_are_listed() -> None:
    settings = {**FULL, "SCRAP_MAX_FETCHES": "1", "SCRAP_MAX_WAITING": "0"}
    greedy = {"X-Forwarded-For": "198.51.100.1"}
    with running.held_origin() as origin, running.service(settings) as service, ThreadPoolExecutor(1) as pool:
        held = pool.submit(client.scrap, service.url, f"{origin.url}/held")
        assert origin.arrived.acquire(timeout=30)
        for number in range(3):
            assert client.scrap(service.url, f"{origin.url}/{number}", headers=greedy).status == 503
        origin.released.set()
        assert held.result().status == 200
        row = rows(service)["198.51.100.1"]
    assert (row["requests"], row["failures"], row["rejections"]) == (3, 3, 3)


def test_the_default_is_a_prefix_and_no_trust() -> None:
    with running.service() as service:
        client.request(service.url, PATH, headers={"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.1"})
        assert listed(service)["log_clients"] == "prefix"
        assert list(rows(service)) == ["127.0.0.0/24"]
        service.stop()
    assert [line["client_address"] for line in lines(service)] == ["127.0.0.0/24"]
    assert "198.51.100" not in "".join(service.log)


def test_off_leaves_nothing_of_clients_anywhere() -> None:
    with running.service({**FULL, "SCRAP_LOG_CLIENTS": "off"}) as service:
        client.request(service.url, PATH, headers={"User-Agent": "my-name", "X-Forwarded-For": "198.51.100.1"})
        found = listed(service)
        assert (found["log_clients"], found["requests"], found["clients"]) == ("off", 0, [])
        metrics = client.request(service.management, "/metrics").body
        service.stop()
    (line,) = lines(service)
    assert not {"client_address", "user_agent"} & line.keys()
    for private in ("my-name", "198.51.100.1"):
        assert private not in "".join(service.log)
        assert private.encode() not in metrics


def test_no_metric_has_a_client() -> None:
    with running.service(FULL) as service:
        client.request(service.url, PATH, headers={"User-Agent": "my-name", "X-Forwarded-For": "198.51.100.1"})
        metrics = client.request(service.management, "/metrics").body
    assert b"my-name" not in metrics
    assert b"198.51.100.1" not in metrics


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "User-Agent"])
@pytest.mark.parametrize(
    "value", ["," * 15_000, '"' * 15_000, "[" * 15_000, "10.0.0.1," * 1_600, "for=" * 3_700, ";" * 15_000, "\xff\t\xfe"]
)
def test_hostile_headers_are_no_errors(name: str, value: str, hostile: running.Service) -> None:
    assert client.request(hostile.url, PATH, headers={name: value}).status == 200


@pytest.fixture(scope="module")
def hostile() -> Iterator[running.Service]:
    with running.service({**FULL, "SCRAP_TRUSTED_PROXIES": "127.0.0.0/8,10.0.0.0/8"}) as service:
        yield service
        service.stop()
    assert {line["level"] for line in map(json.loads, service.log)} == {"info"}
