"""`/api/v1/explain`: how a page's Open Graph was found, or why there is none."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests import client, exposition, running
from tests.integration.counted_page import CountedPage

MIB = 1 << 20
CARD = '<meta property="og:title" content="T"><meta property="og:image" content="https://i.example/i.png">'
SIZE = '<meta property="og:image:width" content="1200"><meta property="og:image:height" content="630">'
UNUSABLE = '<meta property="og:image" content="ftp:"><meta property="og:image:alt" content="https://i.example/i.png">'
UTF_8 = "<meta charset=utf-8>"
JSON_LD = '<script type="application/ld+json">{"@type": "Article", "headline": "Fish &amp; chips"}</script>'
PAGES: dict[str, tuple[str, str]] = {
    "/good": ("text/html; charset=utf-8", CARD + SIZE),
    "/relative": ("text/html; charset=utf-8", CARD.replace("https://i.example", "") + SIZE),
    "/unsized": ("text/html; charset=utf-8", CARD),
    "/alt": ("text/html; charset=utf-8", UNUSABLE + CARD + SIZE),
    "/long": ("text/html; charset=utf-8", CARD.replace('"T"', f'"{"T" * 71}"') + SIZE),
    "/twice": ("text/html; charset=utf-8", CARD + SIZE + '<meta property="og:title" content="U">'),
    "/insecure": ("text/html; charset=utf-8", CARD.replace("https", "http") + SIZE),
    "/script": ("text/html; charset=utf-8", CARD.replace("https://i.example/i.png", "javascript:alert(1)")),
    "/untitled": ("text/html; charset=utf-8", CARD.replace("og:title", "og:type") + SIZE),
    "/undeclared": ("text/html", CARD + SIZE),
    "/behind": ("text/html; charset=utf-8", f"<p>{'a' * MIB}</p>{CARD}{SIZE}"),
    "/before": ("text/html; charset=utf-8", f"<head>{CARD}{SIZE}</head><p>{'a' * MIB}</p>"),
    "/many": ("text/html; charset=utf-8", CARD + SIZE + '<meta property="og:x" content="1">' * 1025),
    "/heavy": ("text/html; charset=utf-8", CARD + '<meta property="og:image" content="/&quot;">' * 9000),
    "/verbose": ("text/html; charset=utf-8", CARD + f'<meta property="og:x" content="{"&quot;" * 900}">' * 150),
    "/instead": ("text/html", f'{UTF_8}<title> A &lt; b </title><meta name="twitter:card" content="summary">{JSON_LD}'),
    "/nothing": ("text/html", f"{UTF_8}<p>nothing"),
    "/picture": ("image/png", "not read"),
    "/away": ("text/html", f"{UTF_8}<title>away</title><meta http-equiv=refresh content='0;url=/broken'>"),
}


class ExplainedPages(running.Answer):
    """Pages of a test, redirects to them, and one that ends early."""

    def do_GET(self) -> None:
        if self.path.startswith("/to/"):
            self.answer(302, b"", {"Location": self.path.removeprefix("/to")})
        elif self.path == "/early":
            body = (UTF_8 + CARD + SIZE).encode()
            self.answer(200, body, {"Content-Type": "text/html", "Content-Length": str(len(body) + 9)})
            self.close_connection = True
        elif self.path == "/broken":
            self.answer(200, b"5\r\nhello\r\nZZ\r\n", {"Content-Type": "text/html", "Transfer-Encoding": "chunked"})
        elif self.path in PAGES:
            kind, page = PAGES[self.path]
            self.answer(200, page.encode(), {"Content-Type": kind})
        else:
            self.answer(404, b"", {})


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    with running.origin(ExplainedPages) as origin:
        yield origin.url


def explain(service: running.Service, url: str, status: int = 200, **options: Any) -> Any:
    answer = client.request(service.url, f"/api/v1/explain?url={quote(url, safe='')}", **options)
    assert answer.status == status
    return answer.json


def codes(explanation: Any) -> list[str]:
    return [warning["code"] for warning in explanation["warnings"]]


def test_the_way_to_a_page_hop_by_hop(service: running.Service, pages: str) -> None:
    explanation = explain(service, f"{pages}/to/to/good")
    assert [(hop["url"], hop["status"]) for hop in explanation["hops"]] == [
        (f"{pages}/to/to/good", 302),
        (f"{pages}/to/good", 302),
        (f"{pages}/good", 200),
    ]
    assert (explanation["url"], explanation["final_url"]) == (f"{pages}/to/to/good", f"{pages}/good")
    assert list(explanation["seconds"]) == ["wait", "dns", "connect", "first_byte", "body", "parse"]
    assert all(hop["first_byte"] > 0 for hop in explanation["hops"])
    assert explanation["parser"] == {"name": "fast"}
    assert explanation["content"] == {
        "type": "text/html; charset=utf-8", "is_html": True, "charset": "utf-8", "charset_source": "header"
    }  # fmt: skip
    size = len(CARD + SIZE)
    assert explanation["body"] == {"bytes": size, "received_bytes": size, "is_truncated": False}
    assert "why" not in explanation
    assert "instead" not in explanation or not explanation["instead"]


def test_the_open_graph_is_that_of_the_other_path(service: running.Service, origin: running.Origin) -> None:
    for name in ("card.html", "images.html", "korean.html"):
        url = f"{origin.url}/{name}"
        assert explain(service, url)["open_graph"] == client.scrap(service.url, url).json


@pytest.mark.parametrize(
    ("path", "warnings"),
    [
        ("/good", []),
        ("/relative", ["image_insecure", "url_relative"]),  # it is on this origin, which is http
        ("/unsized", ["image_size_missing"]),
        ("/alt", ["url_unusable"]),  # the alt of an image that is none is the next one's URL
        ("/long", ["title_long"]),
        ("/twice", ["duplicate_ignored"]),
        ("/insecure", ["image_insecure"]),
        ("/script", ["image_missing", "url_unusable"]),
        ("/untitled", ["title_missing"]),
        ("/undeclared", ["charset_undeclared"]),
        ("/behind", ["page_too_long"]),
        ("/before", []),  # no more of it needs to be read
        ("/early", ["page_cut"]),
        ("/many", ["limit_exceeded"]),
        ("/nothing", []),
        ("/picture", []),
    ],
)
def test_what_its_owner_should_know(service: running.Service, pages: str, path: str, warnings: list[str]) -> None:
    explanation = explain(service, pages + path)
    assert codes(explanation) == warnings
    for warning in explanation["warnings"]:
        assert warning["detail"].endswith(".")
        names = [explanation["open_graph"]["properties"][number][0] for number in warning["properties"]]
        assert names in ([], ["og:image"], ["og:title"])


def test_the_owner_of_a_long_page_learns_how_much_of_it_is_read(pages: str) -> None:
    with running.service({"SCRAP_MAX_PAGE_BYTES": "4096"}) as service:
        (warning,) = explain(service, f"{pages}/behind")["warnings"]
        shown = client.request(
            service.url, f"/?url={quote(pages, safe='')}/behind", headers={"Accept-Language": "ko"}
        ).body.decode()
    assert warning["detail"].startswith("Tags behind the first 4,096 bytes of the page are not read: put ")
    assert "처음 4,096바이트 뒤에 있는 태그는 읽지 않습니다" in shown


@pytest.mark.parametrize(
    ("header", "page", "charset", "source"),
    [
        ("text/html", b"\xef\xbb\xbf<title>x</title>", "utf-8", "mark"),
        ("text/html", "<title>x</title>".encode("utf-16"), "utf-16le", "mark"),
        ("text/html; charset=euc-kr", b"<meta charset=utf-8>", "euc-kr", "header"),
        ("text/html", b"<meta charset=shift_jis>", "shift_jis", "meta"),
        ("text/html", b"<meta charset=iso-2022-jp>", "iso-2022-jp", "meta"),
        ("text/html", b'<?xml version="1.0" encoding="koi8-r"?><p>', "koi8-r", "xml"),
        ("text/html", "<p>ä".encode(), "utf-8", "content"),
        ("text/html", ("<p>" + "한국어로 쓴 글입니다. 안녕하세요 " * 9).encode("euc-kr"), "euc-kr", "content"),
    ],
)
def test_the_charset_and_where_it_was_found(
    service: running.Service, header: str, page: bytes, charset: str, source: str
) -> None:
    class Charsets(running.Answer):
        def do_GET(self) -> None:
            self.answer(200, page, {"Content-Type": header})

    with running.origin(Charsets) as origin:
        content = explain(service, origin.url)["content"]
    assert (content["charset"], content["charset_source"]) == (charset, source)


def test_why_there_is_none_and_what_there_is_instead(service: running.Service, pages: str) -> None:
    instead = explain(service, f"{pages}/instead")
    assert (instead["outcome"], instead["why"]["code"], instead["open_graph"]) == ("no_open_graph", "no_properties", {})
    assert instead["instead"] == {
        "title": "A < b",
        "twitter": [["twitter:card", "summary"]],
        "json_ld": [["@type", "Article"], ["headline", "Fish & chips"]],
    }
    picture = explain(service, f"{pages}/picture")
    assert (picture["why"]["code"], picture["content"]["is_html"]) == ("not_html", False)
    assert explain(service, f"{pages}/nothing")["instead"] == {}


def test_a_refresh_that_fails_leaves_the_explanation_of_its_page(service: running.Service, pages: str) -> None:
    explained = explain(service, f"{pages}/away")
    assert [hop["url"] for hop in explained["hops"]] == [f"{pages}/away", f"{pages}/broken"]
    assert explained["instead"]["title"] == "away"
    assert explained["body"]["bytes"] == len(PAGES["/away"][1])


@pytest.mark.parametrize("path", ["/heavy", "/verbose", "/many", "/behind"])
def test_no_page_has_a_large_explanation(service: running.Service, pages: str, path: str) -> None:
    answer = client.request(service.url, f"/api/v1/explain?url={quote(pages + path, safe='')}")
    assert len(answer.body) < 144 * 1024
    shown = client.request(service.url, f"/?url={quote(pages + path, safe='')}")
    assert (shown.status, len(shown.body) < 256 * 1024) == (200, True)


def test_a_failure_is_explained(service: running.Service, pages: str) -> None:
    missing = explain(service, f"{pages}/to/missing")
    assert (missing["outcome"], missing["open_graph"]) == ("upstream_error", {})
    assert (missing["why"]["code"], missing["why"]["fault"]) == ("upstream_status", "web")
    assert missing["why"]["upstream_status"] == 404
    assert [hop["status"] for hop in missing["hops"]] == [302, 404]
    blocked = explain(service, "http://169.254.169.254/")
    assert (blocked["outcome"], blocked["why"]["code"], blocked["hops"]) == ("blocked", "blocked_address", [])


def test_what_is_no_url_is_a_problem(service: running.Service) -> None:
    assert explain(service, "ftp://example.com/", status=400)["reason"] == "url_scheme"


def test_it_fetches_anew_and_its_result_is_cached(service: running.Service, site: tuple[CountedPage, str]) -> None:
    page, url = site
    assert explain(service, url)["cache"] == {"state": "miss"}
    page.title = "changed"
    explanation = explain(service, url)
    assert explanation["open_graph"]["title"] == "changed"
    assert (explanation["cache"]["state"], explanation["cache"]["outcome"]) == ("fresh", "ok")
    assert client.scrap(service.url, url).json["title"] == "changed"
    assert page.visits == 2


def test_it_is_counted_under_its_own_route(service: running.Service, pages: str) -> None:
    def count() -> float:
        figures = client.request(service.management, "/metrics").body.decode()
        return exposition.figures(figures, "", route="/api/v1/explain").total

    before = count()
    explain(service, f"{pages}/good")
    assert count() == before + 1


def test_no_response_of_it_is_kept(service: running.Service, pages: str) -> None:
    answer = client.request(service.url, f"/api/v1/explain?url={quote(pages, safe='')}/good")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.body)["outcome"] == "ok"
