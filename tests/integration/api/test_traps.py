"""The traps that peers fell into, on pages of our own, from a real socket through the real service to the answer."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests import client, running
from tests.waiting import eventually

MIB = 1024 * 1024


def meta(name: str, content: str, key: str = "property") -> str:
    return f'<meta {key}="{name}" content="{content}">'


TITLE = meta("og:title", "T")
ROCKS = "".join(
    [
        *(meta("og:image", "/rock.jpg"), meta("og:image:width", "300"), meta("og:image:height", "300")),
        *(meta("og:image", "/rock2.jpg"), meta("og:image", "/rock3.jpg"), meta("og:image:height", "1000")),
    ]
)
# What a page says, and what of the answer has to be so; {origin} is where it was found.
PAGES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "sizes": (
        ROCKS.encode(),
        {
            "images": [
                {"url": "{origin}/rock.jpg", "width": 300, "height": 300},
                {"url": "{origin}/rock2.jpg"},
                {"url": "{origin}/rock3.jpg", "height": 1000},
            ]
        },
    ),
    "property-before-name": (
        b'<meta name="og:title" property="og:description" content="D">',
        {"description": "D", "properties": [["og:description", "D"]]},
    ),
    "name": (meta("og:title", "T", "name").encode(), {"title": "T"}),
    "fifty": (
        "".join(meta("og:image", f"/{n}.png") for n in range(50)).encode(),
        {"images": [{"url": f"{{origin}}/{n}.png"} for n in range(50)]},
    ),
    "decoded-once": (meta("og:title", "&amp;amp; &amp;lt;b>").encode(), {"title": "&amp; &lt;b>"}),
    "empty-first": (
        (meta("og:title", "") + TITLE).encode(),
        {"title": "T", "properties": [["og:title", ""], ["og:title", "T"]]},
    ),
    "base": (
        (f'<base href="/b/"><base href="/c/">{meta("og:image", "i.png")}').encode(),
        {"image": "{origin}/b/i.png"},
    ),
    "template": (
        (f"<template>{meta('og:title', 'no')}</template>{TITLE}").encode(),
        {"properties": [["og:title", "T"]]},
    ),
    "iframe-in-head": (f"<head><noscript><iframe src=/></iframe></noscript>{TITLE}</head>".encode(), {"title": "T"}),
    "div-in-head": (f"<head><div>x</div>{TITLE}</head>".encode(), {"title": "T"}),
    "in-the-body": (f"<head></head><body><p>{TITLE}".encode(), {"title": "T"}),
    "other-prefix": (f'<html prefix="x: https://ogp.me/ns#">{meta("x:title", "T")}'.encode(), {"title": "T"}),
    "xmlns": (f'<html xmlns:x="http://ogp.me/ns#">{meta("x:title", "T")}'.encode(), {"title": "T"}),
    "moved-by-a-table": (
        f"<table><tr><td>{meta('og:title', 'second')}</td></tr>{meta('og:title', 'first')}</table>".encode(),
        {"title": "first"},
    ),
    "late-charset": (
        f"<head><!--{'x' * 3000}--><meta charset=shift_jis>{meta('og:title', '日本')}".encode("cp932"),
        {"title": "日本"},
    ),
    "second-charset": (
        f"<meta charset=none-such><meta charset=euc-kr>{meta('og:title', '한국')}".encode("cp949"),
        {"title": "한국"},
    ),
    "declared-charset": (f"<meta charset=windows-1252>{meta('og:title', 'é')}".encode(), {"title": "Ã©"}),
    "bad-byte": (
        f"<meta charset=utf-8>{meta('og:title', '日本?')}".encode().replace(b"?", b"\xff"),
        {"title": "日本\ufffd"},
    ),
    "late": ((TITLE + " " * (MIB - 1000) + meta("og:type", "late")).encode(), {"type": "late"}),
    "beyond-the-cap": ((TITLE + " " * MIB + meta("og:type", "lost")).encode(), {"properties": [["og:title", "T"]]}),
    "nothing-else": (b"<title>T</title><meta name=description content=D><meta name=twitter:title content=T>", {}),
}


class TrapSite(running.Answer):
    """Serves the traps; and what is no page."""

    left = threading.Semaphore(0)

    def do_GET(self) -> None:
        """Answers by the path."""
        html = {"Content-Type": "text/html"}
        match self.path.strip("/").split("/"):
            case ["redirect"]:
                self.answer(302, b"", {"Location": "/far/away/"})
            case ["far", "away"]:
                self.answer(200, (TITLE + meta("og:image", "i.png")).encode(), html)
            case ["endless"]:
                self.send_response(200)
                self.send_header("Content-Type", "application/octet-stream")
                self.end_headers()
                self.endless()
            case ["silent"]:
                self.rfile.read()  # until the client has gone
            case [name]:
                self.answer(200, PAGES[name.partition("?")[0]][0], html)

    def endless(self) -> None:
        """Says nothing of use, until nobody listens."""
        try:
            while True:
                self.wfile.write(b"\0" * 65536)
        except OSError:
            self.left.release()


@pytest.fixture(scope="module")
def site() -> Iterator[running.Origin]:
    """An origin full of traps."""
    with running.origin(TrapSite) as origin:
        yield origin


@pytest.mark.parametrize("name", PAGES)
def test_a_trap(service: running.Service, site: running.Origin, name: str) -> None:
    expected = json.loads(json.dumps(PAGES[name][1]).replace("{origin}", site.url))
    answer = client.scrap(service.url, f"{site.url}/{name}").json
    assert {field: answer.get(field) for field in expected} == expected
    assert bool(answer) == bool(expected)


def test_the_log_says_where_there_was_more_of_a_page(service: running.Service, site: running.Origin) -> None:
    client.scrap(service.url, f"{site.url}/beyond-the-cap?log", headers={"X-Request-ID": "beyond"})
    # Lines are written a few times a second.
    said = eventually(lambda: [line for line in service.log if '"request_id":"beyond"' in line])
    assert json.loads(said[0])["truncated"] is True


def test_the_final_address_is_the_base(service: running.Service, site: running.Origin) -> None:
    assert client.scrap(service.url, f"{site.url}/redirect").json["image"] == f"{site.url}/far/away/i.png"


def test_what_is_no_page_is_not_read(service: running.Service, site: running.Origin) -> None:
    answer = client.scrap(service.url, f"{site.url}/endless")
    assert (answer.status, answer.body) == (200, b"{}")
    assert TrapSite.left.acquire(timeout=20)


def test_a_page_that_takes_too_long_is_the_webs_fault(site: running.Origin) -> None:
    with running.service({"SCRAP_DEADLINE": "0.3"}) as service:
        answer = client.scrap(service.url, f"{site.url}/silent")
    assert (answer.status, answer.json["reason"], answer.json["fault"]) == (504, "timeout_total", "web")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Server-Timing"].startswith("dns;dur=")
