"""/docs in a real Chromium: a request is tried, and nothing leaves; scripts of allowed origins read responses."""

from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests import running
from tests.integration.web.conftest import Visit


def test_a_request_is_tried_and_nothing_leaves(visit: Visit, service: running.Service, origin: running.Origin) -> None:
    page = visit.page
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
    assert {url for url in visit.left if not url.startswith("data:")} == set()
    assert f"{service.url}/api/v1/scrap?url={quote(f'{origin.url}/card.html', safe='')}" in visit.requests
    assert visit.said == []


def test_the_policy_is_enforced(visit: Visit, service: running.Service, origin: running.Origin) -> None:
    """What the test above would see if a style was inline, or a request left."""
    page = visit.page
    page.goto(f"{service.url}/docs")
    page.evaluate("url => fetch(url).catch(() => {})", f"{origin.url}/card.html")
    page.evaluate("document.body.append(Object.assign(document.createElement('style'), {textContent: 'x {}'}))")
    assert [text for text in visit.said if "connect-src 'self'" in text]
    assert [text for text in visit.said if "style-src 'self'" in text]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_system(visit: Visit, service: running.Service, scheme: str) -> None:
    page = visit.page
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
    visit: Visit, service: running.Service, origin: running.Origin
) -> None:
    page = visit.page
    page.goto(f"{origin.url}/card.html")
    path = f"/api/v1/scrap?url={quote(f'{origin.url}/card.html', safe='')}"
    with running.service({"SCRAP_CORS_ORIGINS": origin.url}) as allowing:
        found = [200, "of-a-script", f"{origin.url}/card.html", "0"]
        assert page.evaluate(READ, allowing.url + path) == found
        assert page.evaluate(READ, f"{allowing.url}/api/v1/scrap")[0] == 400
        assert page.evaluate(READ, f"{allowing.url}/nowhere")[0] == 404
    assert page.evaluate(READ, service.url + path) == "TypeError"
