"""Takes the pictures of the service's pages for README.md and docs: `make screenshots`. Needs Debian's chromium."""

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests import running

FOLDER = Path(__file__).parent.parent / "docs" / "images"
COLOURS = 128  # of a picture: less than a third of the bytes, and text stays sharp


def save(png: bytes, path: Path) -> None:
    """Writes a picture with a palette."""
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(path, optimize=True)


def api(browser: Browser, url: str, folder: Path) -> None:
    """The API's documentation, one operation open."""
    with browser.new_page(viewport={"width": 1100, "height": 1540}) as page:
        page.goto(f"{url}/docs", wait_until="networkidle")
        page.locator("#operations-Previews-scrap .opblock-summary-control").click()
        page.locator("#operations-Previews-scrap .responses-table").wait_for()
        page.evaluate("document.activeElement.blur()")
        save(page.screenshot(animations="disabled"), folder / "api-docs.png")


def main() -> None:
    """Takes them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    folder = parser.parse_args().folder
    with running.service() as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        api(browser, service.url, folder)
        browser.close()


if __name__ == "__main__":
    main()
