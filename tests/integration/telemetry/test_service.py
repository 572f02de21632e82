"""The running service's own signals: known traffic, and a flood of unknown names."""

import json
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import client, running
from tests.exposition import Exposition, figures
from tests.integration.telemetry.prometheus import prometheus

ROUTE = "/api/v1/scrap"


class Web(running.Answer):
    """Pages of every kind, by path; a path after it makes another URL of it."""

    def do_GET(self) -> None:
        html = {"Content-Type": "text/html"}
        match self.path.split("/")[1]:
            case "card":
                self.answer(200, b'<meta property="og:title" content="A card">', html)
            case "slow":
                time.sleep(0.3)
                self.answer(200, b'<meta property="og:title" content="At last">', html)
            case "moved":
                self.answer(302, b"", {"Location": f"/card/{self.path}"})
            case "nothing":
                self.answer(200, b"<p>nothing", html)
            case _:
                self.answer(404, b"gone", html)


@pytest.fixture(scope="module")
def web() -> Iterator[running.Origin]:
    with running.origin(Web) as origin:
        yield origin


def scrape(service: running.Service) -> str:
    return client.request(service.management, "/metrics").body.decode()


def test_every_figure_is_what_was_sent(web: running.Origin, tmp_path: Path) -> None:
    with running.service() as service, prometheus(urlsplit(service.management).netloc, tmp_path) as server:
        before = scrape(service)
        for number in range(20):
            assert client.scrap(service.url, f"{web.url}/card/{number}").status == 200
        for _ in range(10):
            assert client.scrap(service.url, f"{web.url}/card/0").status == 200  # from memory
        for number in range(4):
            assert client.scrap(service.url, f"{web.url}/nothing/{number}").body == b"{}"
        for number in range(3):
            assert client.scrap(service.url, f"{web.url}/missing/{number}").status == 502
        assert client.scrap(service.url, f"{web.url}/moved").status == 200
        assert client.scrap(service.url, "http://10.0.0.1/").status == 403
        for _ in range(2):
            assert client.scrap(service.url, "nonsense").status == 400
        assert client.request(service.url, "/nowhere").status == 404
        assert client.scrap(service.url, f"{web.url}/slow").status == 200

        seen = Exposition(scrape(service))
        expected = {
            ("ok", "200"): 32,
            ("no_open_graph", "200"): 4,
            ("upstream_error", "502"): 3,
            ("blocked", "403"): 1,
            ("caller_error", "400"): 2,
        }
        requests = {
            (s.labels["outcome"], s.labels["status"]): s.value
            for s in seen.samples("scrap_requests_total", route=ROUTE)
            if s.value
        }
        assert requests == expected
        assert seen.value("scrap_requests_total", route="unmatched", status="404") == 1
        assert seen.value("scrap_failures_total", reason="upstream_status") == 3
        assert seen.value("scrap_failures_total", reason="blocked_address") == 1
        assert seen.value("scrap_failures_total", reason="url_malformed") == 2
        assert seen.value("scrap_hops_total", status="200") == 26  # 20 cards, 4 nothings, after a redirect, slow
        assert seen.value("scrap_hops_total", status="404") == 3
        assert seen.value("scrap_hops_total", status="302") == 1
        assert seen.value("scrap_fetch_redirects_sum") == 1
        assert seen.value("scrap_cache_lookups_total", level="memory", state="fresh") == 10
        assert seen.sum("scrap_pages_parsed_total") == 26
        assert seen.sum("scrap_targets_blocked_total") == 1
        assert seen.value("scrap_admission_in_flight") == 0
        assert seen.value("scrap_requests_in_flight") == 0
        assert seen.value("scrap_log_lines_dropped_total") == 0
        assert seen.sum("scrap_telemetry_failures_total") == 0

        shown = figures(scrape(service), before, route=ROUTE)
        assert (shown.calls, shown.total) == (42, 42)
        assert shown.failures == {"caller": 3, "web": 3, "service": 0}
        assert 0.3 <= shown.longest < 5
        assert shown.median < 0.25 < shown.p99

        assert server.comes_to(f'sum(scrap_requests_total{{route="{ROUTE}"}})', 42)
        assert server.comes_to('sum(scrap_requests_total{fault="web"})', 3)
        assert server.comes_to(f'max(scrap_request_duration_max_seconds{{route="{ROUTE}"}})', shown.longest)
        service.stop()

    lines = [json.loads(line) for line in service.log]
    ended = [line for line in lines if line["event"] == "request"]
    assert len(ended) == 43
    assert len({line["request_id"] for line in ended}) == 43
    assert sum(line.get("cache") == "fresh" for line in ended) == 10
    slow = ended[-1]
    assert slow["seconds"] >= slow["first_byte"] >= 0.3
    assert slow["target_host"] == "127.0.0.1"


def converse(service: running.Service, requests: Sequence[bytes]) -> None:
    """Sends requests on one connection, some ahead of their answers (RFC 9112, 9.3.2), and reads all of those."""
    address = urlsplit(service.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        answers = connection.makefile("rb")
        for batch in batched(requests, 8):
            connection.sendall(b"".join(b"%b HTTP/1.1\r\nHost: scrap\r\n\r\n" % request for request in batch))
            for _ in batch:
                length = 0
                while line := answers.readline().strip():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line[15:])
                answers.read(length)


def flood(service: running.Service, start: int, end: int) -> None:
    """Calls with hosts, paths and methods that nobody has seen before."""
    url = f"GET {ROUTE}?url=http%3A%2F%2Fhost-{{}}.internal%2F"
    numbers = range(start, end, 2)
    converse(service, [url.format(number).encode() for number in numbers])
    converse(service, [b"GET /path-%d" % number for number in numbers])
    for number in range(start, start + 50):  # each ends its connection
        converse(service, [b"METHOD%d /" % number])


def batched(things: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    """Cuts a sequence into pieces."""
    return (things[start : start + size] for start in range(0, len(things), size))


def test_a_flood_of_names_moves_no_series() -> None:
    with running.service() as service:
        flood(service, 0, 100)
        while not Exposition(scrape(service)).sum("scrap_failures_total", reason="request_malformed"):
            pass  # refusals are told together, a few times a second
        series = len(scrape(service).splitlines())
        flood(service, 100, 10_000)
        text = scrape(service)
    assert len(text.splitlines()) == series
    assert Exposition(text).value("scrap_failures_total", reason="blocked_name") == 5_000
    assert "host-" not in text
    assert "path-" not in text
    assert "METHOD" not in text
