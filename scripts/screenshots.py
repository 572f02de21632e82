"""Takes the pictures of the service's pages for README.md and docs: `make screenshots`. Needs Debian's chromium.

A page of an origin on loopback is shown; in the pictures its address is `lighthouse.example`.
"""

import argparse
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, Page, Route, sync_playwright

from tests import running

FOLDER = Path(__file__).parent.parent / "docs" / "images"
COLORS = 128  # of a picture: less than a third of the bytes, and text stays sharp
HOST = "lighthouse.example"
PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 630">
<linearGradient id="sky" x2="0" y2="1"><stop stop-color="#1c2c54"/><stop offset="1" stop-color="#e79a5d"/>
</linearGradient>
<path fill="url(#sky)" d="M0 0h1200v630H0z"/><circle cx="330" cy="470" r="70" fill="#ffd9a0"/>
<path fill="#ffe9b8" fill-opacity=".35" d="M850 190 0 60v180zM850 190l350-80v140z"/>
<path fill="#24405e" d="M0 480h1200v150H0z"/><path fill="#16202e" d="M620 630q120-160 240-150 180 10 340 150z"/>
<path fill="#f4f1ea" d="M815 230h70l25 260H790z"/><path fill="#c8402f" d="M811 280h78l7 70h-92zM799 410h102l7 70H792z"/>
<path fill="#16202e" d="M800 215h100v18H800zM822 165h56v50h-56zM812 165l38-32 38 32z"/>
<path fill="#fff2c4" d="M834 173h32v36h-32z"/></svg>"""
HEAD = """<!doctype html><html lang="en"><meta charset="utf-8">"""
PAGES = {
    "/keeper": f"""{HEAD}<meta property="og:type" content="article">
<meta property="og:site_name" content="Coast &amp; Harbour">
<meta property="og:title" content="The keeper of the last lighthouse">
<meta property="og:description" content="For forty years she climbed 217 steps every evening. In spring the lamp
learns to light itself.">
<meta property="og:url" content="http://{HOST}/keeper">
<meta property="og:image" content="https://{HOST}/keeper.svg">
""",
    "/ko/keeper": f"""{HEAD}<meta property="og:type" content="article">
<meta property="og:site_name" content="바다와 항구">
<meta property="og:title" content="마지막 등대지기">
<meta property="og:description" content="사십 년 동안 매일 저녁 217개의 계단을 올랐다. 봄이 오면 등은 스스로 켜진다.">
<meta property="og:image" content="https://{HOST}/keeper.svg">
<meta property="og:image:width" content="1200"><meta property="og:image:height" content="630">""",
    "/visit": f"""{HEAD}<title>Visit the lighthouse</title><meta name="twitter:card" content="summary">
<meta name="twitter:title" content="Visit the lighthouse">""",
}


class LighthousePages(running.Answer):
    """The pages above."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server has for it
        if page := PAGES.get(self.path):
            self.answer(200, page.encode(), {"Content-Type": "text/html"})
        else:
            self.answer(404, b"", {})


class Camera:
    """Takes pictures of a service's pages, and writes them into a folder."""

    def __init__(self, browser: Browser, service: str, origin: str, folder: Path) -> None:
        self._browser = browser
        self._service = service
        self._origin = origin
        self._folder = folder

    @contextmanager
    def page(self, name: str, path: str, *, width: int, height: int, **options: Any) -> Iterator[Page]:
        """A page of the service, whose picture is taken at the end."""
        context = self._browser.new_context(viewport={"width": width, "height": height}, **options)
        context.route("**/*", self._serve)
        page = context.new_page()
        page.goto(self._service + path, wait_until="networkidle")
        yield page
        page.evaluate("document.activeElement.blur()")
        page.evaluate("Promise.all([...document.images].map(image => image.decode()))")
        image = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
        image.quantize(COLORS, dither=Image.Dither.NONE).save(self._folder / f"{name}.png", optimize=True)
        context.close()

    def result(self, name: str, path: str, *, width: int, height: int, **options: Any) -> None:
        """The page at `/` with what it says of a page of the origin."""
        url = quote(self._origin + path, safe="")
        with self.page(f"page-{name}", f"/?url={url}", width=width, height=height, **options):
            pass

    def _serve(self, route: Route) -> None:
        """Serves the picture, and the service's documents with the origin's address in the pictures."""
        if route.request.url == f"https://{HOST}/keeper.svg":
            route.fulfill(body=PICTURE, content_type="image/svg+xml")
            return
        response = route.fetch()
        body = response.body()
        for address in (self._origin, quote(self._origin, safe=""), self._origin.removeprefix("http://")):
            shown = address.replace(self._origin.removeprefix("http://"), HOST)
            body = body.replace(address.encode(), shown.encode())
        body = body.replace(quote(self._origin.removeprefix("http://"), safe="").encode(), HOST.encode())
        route.fulfill(response=response, body=body)


def take(camera: Camera) -> None:
    """Takes them all."""
    camera.result("light", "/keeper", width=820, height=810)
    camera.result("dark", "/keeper", width=820, height=810, color_scheme="dark")
    camera.result("phone", "/keeper", width=390, height=844, device_scale_factor=2, is_mobile=True)
    camera.result("korean", "/ko/keeper", width=820, height=810, locale="ko-KR")
    camera.result("empty", "/visit", width=820, height=840)
    camera.result("error", "/gone", width=820, height=730)
    with camera.page("api-docs", "/docs", width=1100, height=1540) as page:
        page.locator("#operations-Previews-scrap .opblock-summary-control").click()
        page.locator("#operations-Previews-scrap .responses-table").wait_for()


def main() -> None:
    """Starts what is needed, and takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    folder = parser.parse_args().folder
    with running.service() as service, running.origin(LighthousePages) as origin, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        take(Camera(browser, service.url, origin.url, folder))
        browser.close()


if __name__ == "__main__":
    main()
