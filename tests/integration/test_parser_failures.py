"""No page causes a 500: where the fast path fails, the reference parser reads the page; where that fails, it is `{}`.

No page is known that makes a parser fail, so a fault is put into each.
"""

import logging
from typing import Any

import pytest

from scrap import opengraph, preview
from scrap.errors import Outcome
from scrap.events import BackgroundFailed, Event, FetchEnded
from scrap.opengraph import FallbackReason, scanner
from tests.hostile.answers import page, says
from tests.hostile.origin import HostileOrigin, serving
from tests.integration.test_previewing import previewing

CARD = b'<meta property="og:title" content="T"><meta property="og:type" content="website">'


def fail(*_: object) -> Any:
    raise ZeroDivisionError("a mistake of ours")


async def answers(origin: HostileOrigin, count: int = 1) -> tuple[set[tuple[bytes, Outcome]], list[Event]]:
    """What pages are answered with, and the events."""
    events: list[Event] = []
    async with previewing(emit=events.append) as make:
        made = [(await make(origin.url(f"/{number}"))).entry for number in range(count)]
    assert all(entry.reason is None for entry in made)
    return {(entry.body, entry.outcome) for entry in made}, events


PARSED = b'{"title":"T","type":"website","properties":[["og:title","T"],["og:type","website"]]}'
FAULTS = {
    "scanning": (scanner.Scanner, "_step"),
    "the last step": (scanner.Scanner, "_end"),
    "making the document": (scanner.Scanner, "_metas"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_reference_parser_reads_what_the_fast_path_fails_on(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(*FAULTS[fault], fail)
    async with serving(page(CARD)) as origin:
        answered, events = await answers(origin)
    assert answered == {(PARSED, Outcome.OK)}
    (parsed,) = (event.parse for event in events if isinstance(event, FetchEnded) and event.parse)
    assert parsed.fallback_reason is FallbackReason.ERROR
    assert [type(event.error) for event in events if isinstance(event, BackgroundFailed)] == [ZeroDivisionError]


async def test_a_failure_after_the_first_piece_leaves_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    step = scanner.Scanner._step

    def fail_later(self: scanner.Scanner) -> None:
        if len(self.data) > 20_000:
            fail()
        step(self)

    monkeypatch.setattr(scanner.Scanner, "_step", fail_later)
    async with serving(page(CARD + b" " * 100_000)) as origin:
        answered, _ = await answers(origin)
    assert answered == {(PARSED, Outcome.OK)}


async def test_a_page_that_no_parser_can_read_has_no_open_graph(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(opengraph, "open_graph", fail)
    with caplog.at_level(logging.ERROR):
        async with serving(page(CARD)) as origin:
            answered, events = await answers(origin, count=3)
    assert answered == {(b"{}", Outcome.NO_OPEN_GRAPH)}
    assert sum(isinstance(event, BackgroundFailed) for event in events) == 3
    (said,) = (record for record in caplog.records if record.name == preview.__name__)  # once a minute
    assert "127.0.0.1" in said.getMessage()
    assert said.exc_info


async def test_iso_2022_jp_that_no_decoder_of_pythons_can_read_is_a_page() -> None:
    body = b"<p>\x1b$&aaaaaa" + CARD
    response = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=iso-2022-jp\r\n\r\n" + body
    async with serving(says(response)) as origin:
        answered, events = await answers(origin)
    assert answered == {(PARSED, Outcome.OK)}
    assert not [event for event in events if isinstance(event, BackgroundFailed)]
