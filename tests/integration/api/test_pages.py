"""What the service has for people beside its API: /docs, and a page for each type of problem."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest

from scrap.api import problem
from scrap.errors import Reason
from tests import client, running
from tests.documents import ROOT

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PROBLEMS = sorted({f"/problems/{problem.name_of(reason)}" for reason in Reason})
DOCS = ("/docs", "/docs/docs.css", "/docs/docs.js", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js")


class References(HTMLParser):
    """Collects what a page loads or links to, and what in it is inline."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [value for name in ("src", "href") if (value := given.get(name))]
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)


@pytest.mark.parametrize("path", ["/docs", *PROBLEMS])
def test_a_page_needs_nothing_of_another_host_and_nothing_inline(service: running.Service, path: str) -> None:
    page = client.request(service.url, path, headers=BROWSER)
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.strip().partition(" ")[::2] for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    references = References(page.body.decode())
    assert references.inline == []
    for reference in set(references.found) - {"data:,"}:
        assert not re.match(r"\w+:|//|/", reference), "a prefix of a proxy stays"
        assert client.request(service.url, urljoin(path, reference)).status == 200


@pytest.mark.parametrize("asked", ["bytes=0-1", "bytes=x", "bytes=99999999-", "bytes=0-0,2-2"])
def test_no_range_of_a_file_is_sent(service: running.Service, asked: str) -> None:
    """Starlette's 400 and 416 are no problems, and would be counted with the outcome "ok"."""
    whole, file = (client.request(service.url, DOCS[1], headers=headers) for headers in ({}, {"Range": asked}))
    assert (file.status, file.body, file.headers["Accept-Ranges"]) == (200, whole.body, None)


@pytest.mark.parametrize("path", DOCS)
def test_files_of_docs_are_sent_once(service: running.Service, path: str) -> None:
    file, head = client.request(service.url, path), client.request(service.url, path, method="HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(file.body)))
    again = client.request(service.url, path, headers={"If-None-Match": file.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    for response in (file, head, again):
        assert response.headers["Cache-Control"] == "public, max-age=3600"
        assert response.headers["X-Request-ID"]


@pytest.mark.parametrize("reason", Reason)
def test_the_type_of_a_problem_resolves(service: running.Service, reason: Reason) -> None:
    path = f"/problems/{problem.members_of(reason)['type'].rpartition(':')[2]}"
    markdown, html = client.request(service.url, path), client.request(service.url, path, headers=BROWSER)
    assert markdown.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert markdown.headers["Vary"] == html.headers["Vary"] == "Accept"
    assert f"##{markdown.body.decode()}" in (ROOT / "docs" / "problems.md").read_text()
    assert f"| `{reason.value}` | {reason.sentence} |" in markdown.body.decode()
    assert f"<code>{reason.value}</code>" in html.body.decode()
    assert "<percent" not in html.body.decode()


def test_a_problem_links_to_its_page(service: running.Service) -> None:
    for path in ("/api/v1/scrap", "/nowhere", "/api/v1/scrap?url=http%3A%2F%2F10.0.0.1%2F"):
        response = client.request(service.url, path)
        link = re.fullmatch(r'<(/problems/[a-z-]+)>; rel="help"', response.headers["Link"])
        assert link
        assert response.json["type"].endswith(link[1].removeprefix("/problems/"))
        assert response.json["title"] in client.request(service.url, link[1]).body.decode()


@pytest.fixture(scope="module")
def without() -> Iterator[running.Service]:
    """A service without pages for people."""
    with running.service({"SCRAP_PAGE": "off"}) as service:
        yield service


def test_docs_can_be_switched_off(without: running.Service) -> None:
    for path in (*DOCS, "/docs/"):
        assert client.request(without.url, path).status == 404
    for path in ("/openapi.json", "/problems/blocked"):
        assert client.request(without.url, path).status == 200


def test_pages_are_few_routes_in_metrics(service: running.Service) -> None:
    for path in (*DOCS, "/problems/shed", "/problems/problem.css", "/docs/"):
        client.request(service.url, path)
    metrics = client.request(service.management, "/metrics").body.decode()
    routes = set(re.findall(r'^scrap_requests_total\{.*route="([^"]*)"', metrics, re.MULTILINE))
    assert {"/docs", "/problems/{name}"} < routes
    assert {route for route in routes if "/docs/" in route or "/problems/" in route} == {"/problems/{name}"}
