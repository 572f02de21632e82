"""While a page is read that takes long, others are answered: that work is not done on the event loop."""

import asyncio
import threading
from ipaddress import ip_network
from typing import Any

import pytest

from scrap import app, preview, urls
from scrap.settings import Settings
from tests import running

CARD = b'<meta property="og:title" content="T">'
LONG = {
    "html5lib": b"<svg>" + CARD,
    "much to say": CARD * 1000,
}


class LongPages(running.Pages):
    """Our own pages, and those that take long."""

    def do_GET(self) -> None:
        """Serves a page by its name."""
        long = LONG.get(self.path[1:].replace("%20", " "))
        if long:
            self.answer(200, long, {"Content-Type": "text/html"})
        else:
            super().do_GET()


@pytest.mark.parametrize("kind", LONG)
async def test_others_are_answered_while_a_page_takes_long(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    begun, others_answered = threading.Event(), threading.Event()
    in_time: list[bool] = []
    parse = preview.parse_page

    def parse_when_others_are_answered(*page: Any) -> preview.Parsed:
        begun.set()
        in_time.append(others_answered.wait(20))
        return parse(*page)

    monkeypatch.setattr(preview, "parse_page", parse_when_others_are_answered)
    with running.origin(LongPages) as origin:
        settings = Settings(
            {"allowed_networks": (ip_network("127.0.0.0/8"),), "allowed_ports": frozenset({origin.server_port})}
        )
        async with app.build_components(settings) as built:
            slow = asyncio.create_task(built.previewer.make(urls.parse(f"{origin.url}/{kind}")))
            assert await asyncio.to_thread(begun.wait, 20)
            card = await built.previewer.make(urls.parse(f"{origin.url}/card.html"))
            assert not slow.done()
            others_answered.set()
            made = await slow
    assert in_time == [True]
    assert (card.entry.reason, made.entry.reason) == (None, None)
