"""The pages that the page at `/` is shown, and a browser."""

import shutil
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

from tests import running

MIB = 1 << 20


def meta(name: str, content: str) -> str:
    return f'<meta property="{name}" content="{content}">'


def sized(width: int, height: int) -> str:
    return meta("og:image:width", str(width)) + meta("og:image:height", str(height))


IMAGE = meta("og:image", "{origin}/image.png")
ARTICLE = meta("og:type", "article") + meta("article:author", "A. Keeper")
VIDEO = meta("og:video", "{origin}/film.mp4") + meta("og:video:width", "1280") + meta("og:video:height", "720")
JSON_LD = '<script type="application/ld+json">{"@type": "Article"}</script>'
SCRIPT = "javascript:alert(1)"
DATA = "data:text/html,<img src=x onerror=alert(1)>"
OVERRIDE = "\u202eevil\u202c \u2067evil\u2069"
PAGES = {
    "/large": meta("og:title", "Lighthouse") + meta("og:description", "Steps") + IMAGE + sized(1200, 630),
    "/small": meta("og:title", "Lighthouse") + IMAGE + sized(200, 200),
    "/video": meta("og:title", "Storm") + IMAGE + VIDEO,
    "/article": meta("og:title", "Who pays") + IMAGE + ARTICLE,
    "/plain": meta("og:title", "No picture"),
    "/no-image": meta("og:title", "Broken") + meta("og:image", "{origin}/none.png"),
    "/korean": meta("og:title", "등대"),
    "/instead": f'<title>Only a title</title><meta name="twitter:card" content="summary">{JSON_LD}',
    "/nothing": "<p>nothing",
    "/script": (
        meta("og:title", "&lt;script&gt;alert(1)&lt;/script&gt;")
        + meta("og:description", "&lt;img src=x onerror=alert(1)&gt;&quot; onmouseover=alert(1) x=&quot;")
        + meta("og:site_name", "{{{{ 7 * 7 }}}}<svg onload=alert(1)>")
        + IMAGE
    ),
    "/javascript": meta("og:title", "Links") + meta("og:url", SCRIPT) + meta("og:image", SCRIPT),
    "/data": meta("og:title", "Links") + meta("og:image", DATA) + meta("og:url", DATA),
    "/attribute": meta("og:title", "Links") + meta("og:image", "{origin}/image.png?&quot;onerror=&quot;alert(1)"),
    "/override": meta("og:title", OVERRIDE) + meta("og:description", OVERRIDE) + meta("og:site_name", OVERRIDE) + IMAGE,
    "/long": f"<title>{'t' * 2 * MIB}</title>" + meta("og:title", "t" * 2 * MIB),
    "/long-title": meta("og:title", "t" * 16_000) + meta("og:" + "n" * 100, "v" * 16_000),
    "/quotes": meta("og:title", "t") + meta("og:" + "'" * 30, "'" * 500) * 199,
    "/instead-script": f"<title><script>alert(1)</script></title><meta name=twitter:title content='{DATA}'>",
}  # fmt: skip
HOSTILE = ["/script", "/javascript", "/data", "/attribute", "/override", "/long", "/long-title", "/quotes"]
HOSTILE += ["/instead-script"]


def png(width: int = 8, height: int = 4) -> bytes:
    """A picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x30\x60\xd0" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class ShownPages(running.Answer):
    """The pages above, their picture, a redirect, and what is no page."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/image.png":
            self.answer(200, png(), {"Content-Type": "image/png"})
        elif path == "/to":
            self.answer(302, b"", {"Location": "/large"})
        elif path == "/file":
            self.answer(200, b"%PDF", {"Content-Type": "application/pdf"})
        elif path in PAGES:
            page = PAGES[path].replace("{origin}", f"http://{self.headers['Host']}")
            self.answer(200, f"<!doctype html><meta charset=utf-8>{page}".encode(), {"Content-Type": "text/html"})
        else:
            self.answer(404, b"", {})


@pytest.fixture(scope="module")
def shown() -> Iterator[running.Origin]:
    """The origin of those pages."""
    with running.origin(ShownPages) as origin:
        yield origin


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, which reaches loopback alone."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")  # .ci/run installs it, and fails where anything is skipped
    with sync_playwright() as playwright:
        alone = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=chromium, args=alone)
        yield browser
        browser.close()


def path_of(url: str) -> str:
    """The page's own path for a URL."""
    return f"/?url={quote(url, safe='')}"


@dataclass
class Visit:
    """A page, and what happened on it."""

    page: Page
    service: running.Service
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)  # in the console, and by errors and dialogs

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", self._dismiss)

    def _dismiss(self, dialog: Dialog) -> None:
        self.said.append(dialog.message)
        dialog.dismiss()

    def show(self, url: str, *, until: Literal["commit", "load", "networkidle"] = "load") -> None:
        self.page.goto(self.service.url + path_of(url), wait_until=until)

    @property
    def left(self) -> set[str]:
        """The requests that did not go to the service."""
        return {url for url in self.requests if urlsplit(url).netloc != urlsplit(self.service.url).netloc}


@pytest.fixture
def options() -> dict[str, Any]:
    """What is unusual about the browser of a test."""
    return {}


@pytest.fixture
def visit(browser: Browser, service: running.Service, options: dict[str, Any]) -> Iterator[Visit]:
    """A new page in a browser that knows nothing yet."""
    context = browser.new_context(**{"locale": "en-US", **options})
    yield Visit(context.new_page(), service)
    context.close()
