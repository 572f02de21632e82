"""What a form asks for, how much of a page is shown, and when it is rendered."""

from typing import Any, cast

import pytest
from starlette.types import Message

from scrap import urls
from scrap.cache.entry import Entry
from scrap.errors import Outcome, Reason
from scrap.events import RequestEnded
from scrap.explanation import Explainer
from scrap.preview import MISS, Preview
from scrap.turns import Turns
from scrap.web.page import PageEndpoint, asked, bar, clip, pretty, with_scheme


@pytest.mark.parametrize(
    ("query", "url"),
    [
        (b"", ""),
        (b"url=", ""),
        (b"url=https%3A%2F%2Fa.example%2F", "https://a.example/"),
        (b"url=+https%3A%2F%2Fa.example%2F%3Fa%3D1%2B2+", "https://a.example/?a=1+2"),
        (b"utm=1&url=a&url=b", "a"),
        (b"url=%ED%95%9C", "한"),
        (b"url=%FF", "\ufffd"),
        (b"\xff\xfe=&url", ""),
    ],
)
def test_the_url_of_a_form(query: bytes, url: str) -> None:
    assert asked(query) == url


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("example.com", "https://example.com"),
        ("example.com:8080/a?b", "https://example.com:8080/a?b"),
        ("bücher.example/ä", "https://bücher.example/ä"),
        ("https://example.com", "https://example.com"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("localhost", "localhost"),
        ("user@example.com", "user@example.com"),
    ],
)
def test_a_url_as_a_person_writes_it(written: str, url: str) -> None:
    assert with_scheme(written) == url


def test_long_texts_are_clipped() -> None:
    assert clip("a" * 500) == "a" * 500
    assert clip("a" * 501) == "a" * 500 + "…"
    assert pretty({"title": "a" * 40_000}).endswith('a"\n}')
    assert len(pretty({"title": "'" * 40_000})) == 48 * 1024 // 5 + 1


def test_the_bar_of_phases() -> None:
    assert bar({"a": 0.001, "b": 0.003}) == [("a", 0.0, 25.0), ("b", 25.0, 75.0)]
    assert bar({"a": 0.0}) == [("a", 0.0, 0.0)]


class FixedExplainer:
    """An explainer that has one explanation for every page."""

    async def explain(self, *_: Any) -> tuple[Preview, dict[str, Any]]:
        outcome, reason = Outcome.BLOCKED, Reason.BLOCKED_PORT
        entry = Entry(outcome=outcome, reason=reason, stored=0.0, fresh_until=0.0, swr_until=0.0, sie_until=0.0)
        return Preview(entry, MISS), {
            "outcome": "blocked",
            "why": {"code": "x", "detail": "y", "fault": "caller"},
            "cache": {"state": "miss"},
        }


@pytest.mark.anyio
async def test_a_page_is_rendered_when_it_is_its_turn() -> None:
    turns, order = Turns(), list[str]()
    endpoint = PageEndpoint(
        cast("Explainer", FixedExplainer()), lambda *_: urls.parse("http://a.example/"), turns, {}, has_images=True
    )
    turns.spend(1.0)  # more than there is in this iteration
    turns.call_soon(lambda: order.append("another step"))

    async def send(message: Message) -> None:
        order.append(message["type"])

    async def receive() -> Message:
        raise AssertionError("a page has no use for a body")

    summary = RequestEnded("", "GET", "/", 0, Outcome.OK, 0.0)
    scope = {"type": "http", "query_string": b"url=a", "state": {"summary": summary, "fields": {}}}
    spent = turns.spent
    await endpoint(scope, receive, send)
    assert order == ["another step", "http.response.start", "http.response.body"]
    assert turns.spent > spent
    assert (summary.target, summary.reason, summary.cache) == ("http://a.example/", Reason.BLOCKED_PORT, MISS)
