"""/docs in a real Chromium: a request is tried, and nothing leaves; scripts of allowed origins read responses."""

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that knows nothing yet."""
    context = browser.new_context(locale="en-US")
    yield context.new_page()
    context.close()


@pytest.fixture
def said(page: Page) -> list[str]:
    """What the console has: errors, and violations of the policy."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def test_a_request_is_tried_and_nothing_leaves(
    page: Page, said: list[str], service: running.Service, origin: running.Origin
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{service.url}/docs", wait_until="networkidle")
    expect(page.get_by_role("heading", name="scrap")).to_be_visible()
    page.locator("#operations-Previews-scrap .opblock-summary-control").click()
    operation = page.locator("#operations-Previews-scrap")
    operation.get_by_placeholder("url", exact=True).fill(f"{origin.url}/card.html")
    operation.get_by_role("button", name="Execute").click()
    response = operation.locator(".live-responses-table .response").first
    expect(response.locator(".response-col_status")).to_contain_text("200")
    expect(response).to_contain_text("A card & its picture")
    expect(response).to_contain_text(f"content-location: {origin.url}/card.html")
    assert {urlsplit(url).netloc for url in asked if not url.startswith("data:")} == {urlsplit(service.url).netloc}
    assert f"{service.url}/api/v1/scrap?url={quote(f'{origin.url}/card.html', safe='')}" in asked
    assert said == []


def test_the_policy_is_enforced(page: Page, said: list[str], service: running.Service, origin: running.Origin) -> None:
    """What the test above would see if a style was inline, or a request left."""
    page.goto(f"{service.url}/docs")
    page.evaluate("url => fetch(url).catch(() => {})", f"{origin.url}/card.html")
    page.evaluate("document.body.append(Object.assign(document.createElement('style'), {textContent: 'x {}'}))")
    assert [text for text in said if "connect-src 'self'" in text]
    assert [text for text in said if "style-src 'self'" in text]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_system(page: Page, service: running.Service, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two
    page.goto(f"{service.url}/docs", wait_until="networkidle")
    colour = page.locator(".info .title").evaluate("title => getComputedStyle(title).color.match(/\\d+/g).map(Number)")
    assert (sum(colour[:3]) > 3 * 128) is (scheme == "dark")  # of the text


READ = """async url => {
    try {
        const {status, headers} = await fetch(url, {headers: {"X-Request-ID": "of-a-script"}});
        return [status, ...["X-Request-ID", "Content-Location", "Age"].map(name => headers.get(name))];
    } catch (error) {
        return error.name;
    }
}"""


def test_scripts_of_an_allowed_origin_read_responses(
    page: Page, service: running.Service, origin: running.Origin
) -> None:
    page.goto(f"{origin.url}/card.html")
    path = f"/api/v1/scrap?url={quote(f'{origin.url}/card.html', safe='')}"
    with running.service({"SCRAP_CORS_ORIGINS": origin.url}) as allowing:
        found = [200, "of-a-script", f"{origin.url}/card.html", "0"]
        assert page.evaluate(READ, allowing.url + path) == found
        assert page.evaluate(READ, f"{allowing.url}/api/v1/scrap")[0] == 400
        assert page.evaluate(READ, f"{allowing.url}/nowhere")[0] == 404
    assert page.evaluate(READ, service.url + path) == "TypeError"
