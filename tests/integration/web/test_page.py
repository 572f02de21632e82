"""The page at `/`, as HTTP: headers, sizes, languages, errors, and the settings that switch it off."""

import re
from html.parser import HTMLParser

import pytest

from tests import client, exposition, running
from tests.integration.web.conftest import HOSTILE, path_of

KIB = 1024
LIMIT = 30_000  # bytes of HTML and CSS
VOID = {"meta", "link", "input", "img", "br", "hr", "rect", "path"}
URLS = {"href", "src", "action"}


class Tags(HTMLParser):
    """The tags of a page, and whether each is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def show(service: running.Service, url: str, **options: dict[str, str]) -> client.ServiceResponse:
    return client.request(service.url, path_of(url), **options)  # type: ignore[arg-type]  # of several types, each its own


@pytest.mark.parametrize("path", ["/large", "/instead", "/missing", "/file", "/article"])
def test_it_is_small_and_well_formed(service: running.Service, shown: running.Origin, path: str) -> None:
    page = show(service, shown.url + path)
    assert page.status == 200
    tags = Tags(page.body.decode())
    assert not tags.open
    css = client.request(service.url, "/static/page.css").body
    assert len(page.body) + len(css) < LIMIT


@pytest.mark.parametrize("path", HOSTILE)
def test_nothing_of_a_page_becomes_markup(service: running.Service, shown: running.Origin, path: str) -> None:
    page = show(service, shown.url + path)
    assert len(page.body) < 128 * KIB
    tags = Tags(page.body.decode())
    assert not tags.open
    assert [tag for tag, _ in tags.found if tag == "script"] == ["script"]
    for _, attributes in tags.found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in URLS & attributes.keys():
            value = attributes[name] or ""
            assert re.match(r"https?://|static/|\./|#", value), value


def test_the_headers_of_the_page(service: running.Service, shown: running.Origin) -> None:
    page = show(service, f"{shown.url}/large")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' http: https:; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    without = [client.request(service.url, "/"), show(service, f"{shown.url}/plain")]
    assert all("img-src 'self';" in answer.headers["Content-Security-Policy"] for answer in without)


def test_its_files_are_kept_for_good(service: running.Service) -> None:
    html = client.request(service.url, "/").body.decode()
    urls = re.findall(r'(?:href|src)="(static/[^"]+)"', html)
    assert {url.partition("?")[0] for url in urls} == {"static/page.css", "static/page.js", "static/icon.svg"}
    for url in urls:
        file = client.request(service.url, f"/{url}")
        assert (file.status, file.headers["X-Content-Type-Options"]) == (200, "nosniff")
        assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert client.request(service.url, f"/{url}0").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "language", "words"),
    [
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko", "페이지 주소"),
        ("fr,ko;q=0.5", "ko", "페이지 주소"),
        ("en,ko;q=0.9", "en", "Address of a page"),
        ("fr", "en", "Address of a page"),
        ("", "en", "Address of a page"),
    ],
)
def test_it_speaks_the_language_of_its_reader(
    service: running.Service, accepted: str, language: str, words: str
) -> None:
    page = client.request(service.url, "/", headers={"Accept-Language": accepted})
    html = page.body.decode()
    assert (page.headers["Content-Language"], page.headers["Vary"]) == (language, "accept-language")
    assert f'<html lang="{language}">' in html
    assert words in html


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("ftp://example.com/", 400, "url_scheme"),
        ("javascript:alert(1)", 400, "url_scheme"),
        ("https://user:secret@example.com/", 400, "url_credentials"),
        ("https://example.com/" + "a" * 2048, 400, "url_too_long"),
        ("http://169.254.169.254/", 200, "blocked_address"),
        ("http://localhost/", 200, "blocked_name"),
        ("http://nowhere.invalid/", 200, "dns_failed"),
        ("http://127.0.0.1:1/", 200, "connect_failed"),
    ],
)
@pytest.mark.parametrize("accepted", ["en", "ko"])
def test_each_error_in_words(service: running.Service, url: str, status: int, code: str, accepted: str) -> None:
    page = show(service, url, headers={"Accept-Language": accepted})
    assert (page.status, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    html = page.body.decode()
    assert f"<code>{code}</code>" in html
    assert ("가져올 수 없습니다" in html or "카드가 없습니다" in html) == (accepted == "ko")


def test_what_a_person_writes_is_a_url(service: running.Service, shown: running.Origin) -> None:
    spaces = client.request(service.url, f"/?url=++{shown.url}/large%3Fa+b++&utm_source=x")
    assert "Lighthouse" in spaces.body.decode()
    assert "large?a%20b" in spaces.body.decode()
    bare = client.request(service.url, "/?url=a.localhost%2Fpage").body.decode()
    assert "<code>blocked_name</code>" in bare
    assert client.request(service.url, "/?url=").status == 200


def test_a_form_without_a_url_fetches_nothing(service: running.Service) -> None:
    page = client.request(service.url, "/")
    assert (page.status, page.headers.get("Server-Timing")) == (200, None)
    assert b'role="search"' in page.body


def test_other_methods_are_none_of_its(service: running.Service) -> None:
    answer = client.request(service.url, "/", method="POST")
    assert (answer.status, set(answer.headers["Allow"].split(", "))) == (405, {"GET", "HEAD"})
    assert client.request(service.url, "/", method="HEAD").body == b""


def test_it_is_counted_under_its_own_route(service: running.Service, shown: running.Origin) -> None:
    def count() -> int:
        figures = client.request(service.management, "/metrics").body.decode()
        return exposition.figures(figures, route="/").total

    before = count()
    show(service, f"{shown.url}/large")
    assert count() == before + 1


def test_it_is_not_on_the_management_port(service: running.Service) -> None:
    assert client.request(service.management, "/").status == 404


def test_an_overload_is_said_in_words(shown: running.Origin) -> None:
    with running.service({"SCRAP_MAX_FETCHES": "1", "SCRAP_MAX_HELD_BYTES": "0", "SCRAP_MAX_WAITING": "0"}) as service:
        page = show(service, f"{shown.url}/long")  # more than a fetch may hold
    assert (page.status, page.headers["Retry-After"]) == (503, "1")
    assert b"<code>full</code>" in page.body


def test_it_can_be_switched_off(shown: running.Origin) -> None:
    with running.service({"SCRAP_PAGE": "off"}) as service:
        assert client.request(service.url, "/").status == 404
        assert client.request(service.url, "/static/page.css").status == 404
        assert client.scrap(service.url, f"{shown.url}/large").status == 200


def test_images_can_be_switched_off(shown: running.Origin) -> None:
    with running.service({"SCRAP_PAGE_IMAGES": "off"}) as service:
        page = show(service, f"{shown.url}/large")
    assert "img-src 'self';" in page.headers["Content-Security-Policy"]
    html = page.body.decode()
    assert "Pictures are switched off here." in html
    assert '<img src="http' not in html
