"""The running service's own signals: known traffic, and a flood of unknown names."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scrap import __version__
from tests import client, running
from tests.exposition import Exposition, figures
from tests.integration.telemetry.prometheus import prometheus
from tests.waiting import eventually

ROUTE = "/api/v1/scrap"


CARD = b'<meta property="og:title" content="A card">'
SVG = b'<svg></svg><meta property="og:title" content="A drawing">'
NOTHING = b"<p>nothing"
CAP = 65_536
LONG = gzip.compress(CARD + b" " * CAP)
SETTINGS = {
    "SCRAP_ALLOWED_HOSTS": "localhost",
    "SCRAP_CACHE_MIN": "0",
    "SCRAP_FIRST_BYTE_SECONDS": "2",  # no page takes as long on a busy machine
    "SCRAP_MAX_FETCHES": "2",
    "SCRAP_MAX_PAGE_BYTES": str(CAP),
    "SCRAP_MAX_WAITING": "1",
    "SCRAP_MAX_WAIT": "8",
}
released = threading.Event()  # lets the pages go that are held


class Web(running.Answer):
    """Pages of every kind, by path; a path after it makes another URL of it."""

    def do_GET(self) -> None:
        html = {"Content-Type": "text/html"}
        match self.path.split("/")[1]:
            case "card" | "broken":
                self.answer(200, CARD, html)
            case "svg":
                self.answer(200, SVG, html)
            case "long":
                self.answer(200, LONG, html | {"Content-Encoding": "gzip"})
            case "old":
                self.answer(200, CARD, html | {"Cache-Control": "max-age=0"})
            case "moved":
                self.answer(302, b"", {"Location": f"/card/{self.path}"})
            case "nothing":
                self.answer(200, NOTHING, html)
            case "stuck":
                released.wait(30)
            case "held":
                self.answer(200, b"", html | {"Content-Length": str(len(CARD))})
                released.wait(30)
                self.wfile.write(CARD)
            case _:
                self.answer(404, b"gone", html)


@pytest.fixture(scope="module")
def web() -> Iterator[running.Origin]:
    with running.origin(Web) as origin:
        yield origin


def scrape(service: running.Service) -> str:
    return client.request(service.management, "/metrics").body.decode()


@pytest.mark.servers
def test_every_figure_is_what_was_sent(web: running.Origin, tmp_path: Path) -> None:
    with (
        running.service(SETTINGS, module="tests.integration.telemetry.broken") as service,
        prometheus(urlsplit(service.management).netloc, tmp_path) as server,
    ):
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
        assert client.scrap(service.url, f"{web.url}/svg").status == 200
        assert client.scrap(service.url, f"{web.url}/long").status == 200
        assert client.scrap(service.url, f"http://localhost:{web.server_port}/card/by-name").status == 200
        assert client.scrap(service.url, f"{web.url}/stuck").status == 504
        assert client.scrap(service.url, f"{web.url}/broken").status == 500
        assert client.scrap(service.url, f"{web.url}/old").status == 200
        assert client.scrap(service.url, f"{web.url}/old").status == 200  # stale; the refresh behind it is a fetch
        assert server.comes_to('scrap_hops_total{status="200"}', 31)

        # Saturated: two fetches under way, a request that joins one, one that waits, and one too many.
        released.clear()
        with ThreadPoolExecutor(4) as clients:
            held = [clients.submit(client.scrap, service.url, f"{web.url}/held/{number}") for number in (0, 1)]
            assert server.comes_to("scrap_admission_in_flight", 2)
            held.append(clients.submit(client.scrap, service.url, f"{web.url}/held/0"))
            assert server.comes_to("scrap_flights_joined_total", 1)
            held.append(clients.submit(client.scrap, service.url, f"{web.url}/held/2"))
            assert server.comes_to("scrap_admission_waiting", 1)
            assert server.comes_to("scrap_requests_in_flight", 4)
            assert server.comes_to("scrap_admission_saturation_ratio", 1)
            assert client.scrap(service.url, f"{web.url}/one/too/many").status == 503
            released.set()
            assert [call.result().status for call in held] == [200] * 4

        # 20 cards, 4 nothings, after a redirect, svg, long, by name, broken, old twice, 3 held.
        pages, hops = 34, 34 + 3 + 1
        outcomes = {
            "ok": 20 + 10 + 1 + 3 + 2 + 4,
            "no_open_graph": 4,
            "upstream_error": 3,
            "timeout": 1,
            "blocked": 1,
            "caller_error": 2,
            "shed": 1,
            "internal_error": 1,
        }
        calls = sum(outcomes.values())
        for outcome, count in outcomes.items():
            assert server.comes_to(f'sum(scrap_requests_total{{route="{ROUTE}",outcome="{outcome}"}})', count)
        expected = {
            'scrap_requests_total{route="unmatched",status="404"}': 1,
            'sum(scrap_requests_total{fault="web"})': 4,
            'sum(scrap_requests_total{fault="service"})': 2,
            'scrap_failures_total{reason="upstream_status"}': 3,
            'scrap_failures_total{reason="blocked_address"}': 1,
            'scrap_failures_total{reason="url_malformed"}': 2,
            'scrap_failures_total{reason="timeout_first_byte"}': 1,
            'scrap_failures_total{reason="full"}': 1,
            'scrap_failures_total{reason="internal"}': 1,
            'scrap_hops_total{status="200"}': pages,
            'scrap_hops_total{status="404"}': 3,
            'scrap_hops_total{status="302"}': 1,
            'scrap_hops_total{status="none"}': 1,
            "sum(scrap_hops_total)": hops + 1,
            "scrap_fetch_redirects_sum": 1,
            "scrap_fetch_redirects_count": pages,
            "scrap_fetch_received_bytes_count": pages,
            "scrap_fetch_received_bytes_sum": 25 * len(CARD) + 4 * len(NOTHING) + len(SVG) + len(LONG) + 3 * len(CARD),
            "scrap_fetch_decoded_bytes_sum": 25 * len(CARD) + 4 * len(NOTHING) + len(SVG) + CAP + 3 * len(CARD),
            "scrap_fetches_truncated_total": 1,
            'scrap_targets_blocked_total{verdict="private"}': 1,
            "sum(scrap_targets_blocked_total)": 1,
            'scrap_pages_parsed_total{parser="fast",fallback_reason="none"}': pages - 1,
            'scrap_pages_parsed_total{parser="reference",fallback_reason="foreign"}': 1,
            "sum(scrap_pages_parsed_total)": pages,
            'scrap_cache_lookups_total{level="memory",state="fresh"}': 10,
            'scrap_cache_lookups_total{level="memory",state="stale"}': 1,
            'scrap_cache_lookups_total{level="memory",state="miss"}': calls - 10 - 1 - 2,  # two named no page
            "scrap_flights_joined_total": 1,
            # All pages but the broken one, and what failed by a fault of the service.
            "scrap_cache_entries": (pages - 1 - 1) + 3 + 1 + 1,
            "scrap_cache_bytes > bool 0": 1,
            'scrap_phase_duration_seconds_count{phase="wait"}': pages + 3 + 1 + 1,
            'scrap_phase_duration_seconds_count{phase="dns"}': 1,
            'scrap_phase_duration_seconds_count{phase="connect"}': hops,  # and stuck, less the page after the redirect
            'scrap_phase_duration_seconds_count{phase="first_byte"}': hops + 1,
            'scrap_phase_duration_seconds_count{phase="body"}': pages,
            'scrap_phase_duration_seconds_count{phase="parse"}': pages,
            "scrap_admission_refused_total": 1,
            "scrap_admission_capacity": 2,
            "scrap_admission_in_flight": 0,
            "scrap_admission_waiting": 0,
            "scrap_requests_in_flight": 0,
            f'scrap_build_info{{version="{__version__}"}}': 1,
            "scrap_log_lines_dropped_total": 0,
            "scrap_background_failures_total": 0,
            "sum(scrap_telemetry_failures_total) or vector(0)": 0,
            f'sum(scrap_request_duration_seconds_count{{route="{ROUTE}"}})': calls,
        }
        server.wait_for_scrapes(2)
        for promql, value in expected.items():
            assert server.comes_to(promql, value), promql
        maximum = server.value(f'max(scrap_request_duration_max_seconds{{route="{ROUTE}"}})')
        took = server.value(f'sum(scrap_request_duration_seconds_sum{{route="{ROUTE}"}})')
        phases = eventually(lambda: server.query("scrap_phase_duration_seconds_sum"))

        shown = figures(scrape(service), before, route=ROUTE)
        assert (shown.calls, shown.total) == (calls, calls)
        assert shown.failures == {"caller": 3, "web": 4, "service": 2}
        assert shown.median < 0.25 < shown.p99
        service.stop()

    lines = [json.loads(line) for line in service.log]
    ended = [line for line in lines if line["event"] == "request"]
    assert len(ended) == calls + 1
    assert len({line["request_id"] for line in ended}) == calls + 1
    asked = [line for line in ended if line["route"] == ROUTE and "seconds" in line]
    assert len(asked) == calls
    assert maximum == shown.longest == pytest.approx(max(line["seconds"] for line in asked), abs=1e-6)
    assert took == pytest.approx(sum(line["seconds"] for line in asked), abs=1e-6 * calls)
    # The refresh behind a stale answer has phases and no line; what two clients share has one of each.
    logged = {phase: sum(line.get(phase, 0.0) for line in asked) for phase in ("dns", "first_byte")}
    found = {dict(labels)["phase"]: seconds for labels, seconds in phases.items()}
    assert found["dns"] == pytest.approx(logged["dns"], abs=1e-6 * calls)
    assert found["first_byte"] >= 2  # the stuck one's


def converse(service: running.Service, requests: Sequence[bytes]) -> None:
    """Sends requests on one connection, some ahead of their answers (RFC 9112, 9.3.2), and reads all of those."""
    address = urlsplit(service.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        answers = connection.makefile("rb")
        for batch in batched(requests, 3):
            connection.sendall(b"".join(b"%b HTTP/1.1\r\nHost: scrap\r\n\r\n" % request for request in batch))
            for _ in batch:
                length = 0
                while line := answers.readline().strip():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line[15:])
                answers.read(length)


def flood(service: running.Service, start: int, end: int) -> None:
    """Calls with hosts, paths and methods that nobody has seen before, and all methods that are known and odd."""
    url = f"GET {ROUTE}?url=http%3A%2F%2Fhost-{{}}.internal%2F"
    numbers = range(start, end)
    converse(service, [url.format(number).encode() for number in numbers])
    converse(service, [b"GET /path-%d" % number for number in numbers])
    converse(service, [method + b" " + ROUTE.encode() for method in ODD])
    address = urlsplit(service.url)
    for number in numbers:  # each ends its connection
        with socket.socket() as connection:
            connection.connect((address.hostname, address.port))
            connection.sendall(b"METHOD%d / HTTP/1.1\r\n\r\n" % number)
            assert connection.recv(64).startswith(b"HTTP/1.1 400 ")


def batched(things: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    """Cuts a sequence into pieces."""
    return (things[start : start + size] for start in range(0, len(things), size))


ODD = b"PROPFIND MKCOL COPY LOCK REPORT MKACTIVITY MERGE M-SEARCH NOTIFY SUBSCRIBE PURGE MKCALENDAR LINK SOURCE".split()


def malformed(service: running.Service) -> float:
    """Malformed requests, by the metrics."""
    return Exposition(scrape(service)).sum("scrap_failures_total", reason="request_malformed")


OF_EACH = 10_000  # hosts, paths and methods


def test_a_flood_of_names_moves_no_series_and_a_log_that_nobody_reads_costs_no_call() -> None:
    with running.service(is_read=False) as service:  # the pipe holds 64 KiB, the queue 4,096
        flood(service, 0, 100)
        eventually(lambda: malformed(service))
        series = len(scrape(service).splitlines())
        flood(service, 100, OF_EACH)
        eventually(lambda: malformed(service) == OF_EACH)
        text = scrape(service)
        assert service.stop() == 0
    assert len(text.splitlines()) == series
    found = Exposition(text)
    assert found.value("scrap_failures_total", reason="blocked_name") == OF_EACH
    assert found.value("scrap_requests_total", route="unmatched", method="GET", status="404") == OF_EACH
    assert found.value("scrap_requests_total", route=ROUTE, method="other", status="405") == 2 * len(ODD)
    assert found.value("scrap_log_lines_dropped_total") > 0
    assert "host-" not in text
    assert "path-" not in text
    assert "METHOD" not in text
    assert "PROPFIND" not in text
