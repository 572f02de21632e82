"""The page at `/` in a real Chromium: what a person sees, and that nothing of a hostile page runs or leaves."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests import running
from tests.integration.web.conftest import HOSTILE, Visit

expect.set_options(timeout=30_000)  # milliseconds, as Playwright has for the rest
SERIOUS = {"serious", "critical"}
LANGUAGES = {"en": "Address of a page", "ko": "페이지 주소"}
PHONE = {"width": 360, "height": 740}


def violations(page: Page) -> list[str]:
    """What axe-core finds serious."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found if one["impact"] in SERIOUS for node in one["nodes"]]


@pytest.mark.parametrize(
    ("path", "layout", "kind"),
    [
        ("/large", "large", "link"),
        ("/small", "small", "link"),
        ("/video", "large", "video"),
        ("/article", "large", "article"),
        ("/plain", "plain", "link"),
    ],
)
def test_the_card(visit: Visit, shown: running.Origin, path: str, layout: str, kind: str) -> None:
    visit.show(shown.url + path)
    card = visit.page.locator(".card")
    expect(card).to_have_class(f"card {layout} {kind}")
    expect(card).to_have_attribute("href", shown.url + path)
    image = card.locator("img")
    if layout == "plain":
        expect(image).to_have_count(0)
        assert visit.left == set()
    else:
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 8
        assert visit.left == {f"{shown.url}/image.png"}
    assert visit.said == []


def test_a_person_pastes_a_url_and_sees_all_of_it(visit: Visit, shown: running.Origin) -> None:
    page = visit.page
    page.goto(visit.service.url)
    expect(page.get_by_label("Address of a page")).to_be_focused()
    page.keyboard.insert_text(f"{shown.url}/to")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Card")).to_be_visible()
    expect(page.locator(".card .title")).to_have_text("Lighthouse")
    rows = page.locator("section:has(#properties) tbody tr")
    expect(rows).to_have_count(5)
    expect(rows.first).to_contain_text("og:title")
    hops = page.locator("section:has(#way) tbody tr")
    way = [row.split()[:2] for row in hops.all_inner_texts()]
    assert way == [[f"{shown.url}/to", "302"], [f"{shown.url}/large", "200"]]
    page.get_by_text("JSON", exact=True).click()
    expect(page.locator("pre")).to_contain_text('"title": "Lighthouse"')


def test_a_pasted_url_is_shown_at_once(visit: Visit, shown: running.Origin) -> None:
    page = visit.page
    page.goto(visit.service.url)
    page.get_by_label("Address of a page").evaluate(
        """(input, url) => {
            const data = new DataTransfer();
            data.setData("text", url);
            input.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
        }""",
        f"{shown.url}/large",
    )
    expect(page.locator(".card .title")).to_have_text("Lighthouse")


@pytest.mark.parametrize("options", [{"java_script_enabled": False}])
def test_it_works_without_javascript(visit: Visit, shown: running.Origin, options: dict[str, Any]) -> None:
    page = visit.page
    page.goto(visit.service.url)
    page.get_by_label("Address of a page").fill(f"{shown.url}/large")
    page.get_by_role("button", name="Show the card").click()
    expect(page.locator(".card .title")).to_have_text("Lighthouse")
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("{origin}/nothing", "No Open Graph was found"),
        ("{origin}/instead", "What the page has instead"),
        ("{origin}/file", "The page is not HTML"),
        ("{origin}/missing", "The host responded with status 404"),
        ("http://169.254.169.254/", "The host is not on the public internet."),
        ("http://127.0.0.1:1/", "The host does not accept connections."),
        ("ftp://example.com/", "Only http and https URLs can be fetched."),
    ],
)
def test_why_it_is_empty(visit: Visit, shown: running.Origin, url: str, words: str) -> None:
    visit.show(url.replace("{origin}", shown.url))
    expect(visit.page.locator("main")).to_contain_text(words)
    expect(visit.page.locator(".empty h1")).to_be_visible()
    expect(visit.page.locator(".card")).to_have_count(0)
    assert visit.left == set()
    assert violations(visit.page) == []


def test_a_picture_that_is_not_there_is_said(visit: Visit, shown: running.Origin) -> None:
    visit.show(f"{shown.url}/no-image")
    expect(visit.page.get_by_text("The picture cannot be loaded.")).to_be_visible()


def test_a_picture_that_is_not_there_is_said_by_a_script_that_comes_later(visit: Visit, shown: running.Origin) -> None:
    scripts: list[Route] = []

    def hold(script: Route) -> None:
        scripts.append(script)

    visit.page.route("**/static/page.js*", hold)
    visit.show(f"{shown.url}/no-image", until="commit")
    visit.page.wait_for_function("document.querySelector('.picture img')?.complete")
    while not scripts:
        visit.page.wait_for_timeout(10)  # nothing of Playwright runs in a sleep
    scripts[0].continue_()
    expect(visit.page.get_by_text("The picture cannot be loaded.")).to_be_visible()


@pytest.mark.parametrize("path", HOSTILE)
def test_nothing_of_a_hostile_page_runs(visit: Visit, shown: running.Origin, path: str) -> None:
    visit.show(shown.url + path, until="networkidle")
    images = {url for url in visit.left if url.startswith(f"{shown.url}/image.png")}
    assert visit.left == images
    assert visit.said == []  # a violation of the policy would be here
    links = visit.page.eval_on_selector_all("a", "links => links.map(link => link.protocol)")
    assert set(links) <= {"http:", "https:"}
    width = visit.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width == 0


def test_the_direction_of_a_text_ends_with_it(visit: Visit, shown: running.Origin) -> None:
    visit.show(f"{shown.url}/override")
    outside = visit.page.evaluate(
        """() => {
            const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            const found = [];
            while (walker.nextNode()) {
                const text = walker.currentNode;
                const overrides = /[\\u202a-\\u202e\\u2066-\\u2069]/.test(text.data);
                if (overrides && !text.parentElement.closest("bdi")) found.push(text.data);
            }
            return found;
        }"""
    )
    assert outside == []


@pytest.mark.parametrize("path", ["", "/article", "/long-title"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"color_scheme": "dark"},
        {"viewport": PHONE},
        {"locale": "ko-KR", "color_scheme": "dark", "viewport": PHONE},
    ],
    ids=["light", "dark", "phone", "korean"],
)
def test_it_is_for_everybody(visit: Visit, shown: running.Origin, path: str, options: dict[str, Any]) -> None:
    page = visit.page
    if path:
        visit.show(shown.url + path)
    else:
        page.goto(visit.service.url)
    language = options.get("locale", "en")[:2]
    expect(page.get_by_label(LANGUAGES[language], exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == language
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    is_dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(246, 247, 250)"
    assert is_dark == (options.get("color_scheme") == "dark")


def test_it_is_used_by_keyboard(visit: Visit, shown: running.Origin) -> None:
    visit.show(f"{shown.url}/article")
    reached = []
    for _ in range(12):
        visit.page.keyboard.press("Tab")
        reached.append(visit.page.evaluate("document.activeElement.className || document.activeElement.tagName"))
    assert reached[:4] == ["skip", "brand", "INPUT", "BUTTON"]
    assert "card large article" in reached
    assert "SUMMARY" in reached
