"""`make demo`: scrap without a network. The service, an origin of our own, a few calls, then a load and its figures."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from tests import client, exposition, running

CALLS = (
    ("A page with a card", "/card.html"),
    ("Structured images: a size belongs to the picture before it", "/images.html"),
    ("Korean in EUC-KR", "/korean.html"),
    ("A page without Open Graph shows nothing", "/nothing.html"),
    ("A page that is not there: the web's fault", "/missing.html"),
)
LOAD = 300  # calls; one in fifty meets a slow page, one in twenty a broken one
SLOW_SECONDS = 0.4


class DemoPages(running.Pages):
    """Our own pages; some of them slow, some of them broken."""

    def do_GET(self) -> None:
        """Serves a page by its name, after a while where it is slow."""
        if self.path.startswith("/slow"):
            time.sleep(SLOW_SECONDS)
        if self.path.startswith("/broken"):
            self.answer(500, b"", {})
        elif self.path.startswith(("/slow", "/load")):
            self.answer(200, (self.folder / "card.html").read_bytes(), {"Content-Type": "text/html"})
        else:
            super().do_GET()


def show(service: running.Service, url: str) -> None:
    """Calls the service and prints the call and its answer."""
    path = f"/api/v1/scrap?url={urllib.parse.quote(url, safe='')}"
    try:
        with urllib.request.urlopen(service.url + path) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    print(f"$ curl '{service.url}{path}'")
    print(status, json.dumps(json.loads(body), indent=2, ensure_ascii=False), end="\n\n")


def load(service: running.Service, origin: running.Origin) -> None:
    """Calls for many pages, eight at a time."""

    def call(number: int) -> None:
        kind = "slow" if number % 50 == 0 else "broken" if number % 20 == 1 else "load"
        client.scrap(service.url, f"{origin.url}/{kind}/{number}")

    with ThreadPoolExecutor(8) as clients:
        list(clients.map(call, range(LOAD)))


def scrape(service: running.Service) -> str:
    """What /metrics says."""
    return client.request(service.management, "/metrics").body.decode()


def main() -> None:
    """Runs the demonstration."""
    with running.origin(DemoPages) as origin, running.service() as service:
        for title, path in CALLS:
            print(f"# {title}")
            show(service, origin.url + path)
        print("# An address inside: scrap fetches nothing there")
        show(service, "http://169.254.169.254/latest/meta-data/")

        print(f"# {LOAD:,} calls for pages of which some are slow and some are broken; then the figures of /metrics")
        before, started = scrape(service), time.monotonic()
        load(service, origin)
        seconds = time.monotonic() - started
        figures = exposition.figures(scrape(service), before, route="/api/v1/scrap")
        rows = (
            ("calls", f"{figures.calls:,}", f"{figures.calls / seconds:,.0f} a second"),
            ("failures", f"{sum(figures.failures.values()):,}", f"by whose fault: {figures.failures}"),
            ("median", f"{figures.median * 1e3:,.1f} ms", ""),
            ("mean", f"{figures.mean * 1e3:,.1f} ms", "above the median: a few slow pages, not a slow service"),
            ("99th percentile", f"{figures.p99 * 1e3:,.1f} ms", ""),
            ("maximum", f"{figures.longest * 1e3:,.1f} ms", "within the last minute"),
            ("calls in total", f"{figures.total:,}", "since the service began"),
        )
        for name, figure, remark in rows:
            print(f"{name:<16} {figure:>12}   {remark}".rstrip())


if __name__ == "__main__":
    main()
