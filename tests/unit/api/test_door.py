"""Who is turned away at the door, and who has to be looked at."""

import asyncio
import json

import pytest

from scrap.api.door import Door
from scrap.api.refusals import Refusals
from scrap.api.scrap import PATH, read_query
from scrap.errors import Outcome, Overloaded, Reason, ScrapError
from scrap.events import Event, RequestEnded, RequestStarted, ignore
from scrap.urls import Target

CALL = b"GET /api/v1/scrap?url=https%3A%2F%2Fexample.org%2F HTTP/1.1\r\nHost: scrap\r\nAccept: */*\r\n\r\n"


class House:
    """As much of a Previewer as the door asks."""

    def __init__(self, known: str = "") -> None:
        self.is_strained = True
        self.room = 0
        self.refused = 0
        self._known = known

    def knows(self, target: Target) -> bool:
        return target.href == self._known

    def let_in(self) -> bool:
        self.room -= 1
        return self.room >= 0

    def refuse(self) -> Overloaded:
        self.refused += 1
        return Overloaded(retry_after=3)


def refusal(house: House, data: bytes) -> bytes | None:
    return Door(house, Refusals(ignore)).refusal(data)  # type: ignore[arg-type]  # it asks no more than House has


async def test_a_call_is_refused_while_the_house_is_full() -> None:
    house = House()
    answer = refusal(house, CALL) or b""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"http/1.1 503 service unavailable"
    assert b"retry-after: 3" in lines
    assert b"content-type: application/problem+json" in lines
    assert b"content-length: %d" % len(body) in lines
    assert not any(line.startswith(b"connection") for line in lines)
    assert json.loads(body)["reason"] == "full"
    assert house.refused == 1


async def test_nobody_is_refused_while_there_is_room() -> None:
    house = House()
    house.is_strained = False
    assert refusal(house, CALL) is None
    assert house.refused == 0


async def test_as_many_are_let_in_as_may() -> None:
    house = House()
    house.room = 2
    assert [refusal(house, CALL) is None for _ in range(3)] == [True, True, False]
    assert house.refused == 1


async def test_who_asks_for_what_is_known_may_come_in() -> None:
    url = "https://known.example/"
    query = b"url=https%3A%2F%2Fknown.example%2F"
    call = b"GET " + PATH.encode() + b"?" + query + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    read_query(query)
    assert refusal(House(known=url), call) is None
    assert refusal(House(), call) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        CALL[:-1],
        CALL[:-2],
        CALL + b"x",
        CALL * 2,
        CALL.replace(b"GET", b"HEAD"),
        CALL.replace(b"GET", b"POST"),
        CALL.replace(b"HTTP/1.1", b"HTTP/1.0"),
        CALL.replace(b"/scrap?", b"/scrap/?"),
        CALL.replace(b"/api/v1/scrap?", b"/api/v1/scraps?"),
        CALL.replace(b"/api/v1/scrap?", b"/openapi.json?"),
        CALL.replace(b"Accept: */*", b"Connection: close"),
        CALL.replace(b"Accept: */*", b"content-length: 5"),
        CALL.replace(b"Accept: */*", b"Transfer-encoding: chunked"),
        CALL.replace(b"Accept: */*", b"Expect: 100-continue"),
        CALL.replace(b"Accept: */*", b"Upgrade: websocket"),
        CALL.replace(b"Accept: */*", b"Accept : */*"),
        CALL.replace(b"Accept: */*", b" folded: x"),
        CALL.replace(b"Accept: */*", b"no colon"),
        CALL.replace(b"Host: scrap", b"Host: scr\x00ap"),
        CALL.replace(b"Host: scrap\r\n", b""),
        CALL.replace(b"Host: scrap", b"Host: scr ap"),
        CALL.replace(b"Host: scrap", b"Host: scrap\r\nhost: scrap"),
        CALL.replace(b"url=", b"url =x"),
        b"GET /api/v1/scrap?url=x HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_not_exactly_a_call_goes_the_ordinary_way(data: bytes) -> None:
    house = House()
    assert refusal(house, data) is None
    assert house.refused == 0


async def test_refusals_are_counted_one_by_one_and_told_together() -> None:
    events: list[Event] = []
    refusals = Refusals(events.append)
    first = refusals.answer(Overloaded(), method="GET", route=PATH, close=False)
    assert refusals.answer(Overloaded(), method="GET", route=PATH, close=False) == first
    closing = refusals.answer(ScrapError(Reason.REQUEST_TOO_LARGE))
    assert b"\r\nconnection: close\r\n" in closing.lower()
    assert events == []
    refusals.tell()
    started, together, _, alone = events
    assert isinstance(started, RequestStarted)
    assert isinstance(together, RequestEnded)
    assert isinstance(alone, RequestEnded)
    assert (together.calls, together.status, together.outcome, together.reason) == (2, 503, Outcome.SHED, Reason.FULL)
    assert (together.method, together.route) == ("GET", PATH)
    assert json.loads(first.partition(b"\r\n\r\n")[2])["instance"] == together.request_id
    assert (alone.calls, alone.status, alone.method, alone.route) == (1, 431, "", "unmatched")
    refusals.tell()
    assert len(events) == 4
    assert refusals.answer(Overloaded(), method="GET", route=PATH, close=False) != first  # another id, another line


async def test_refusals_are_told_without_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scrap.api.refusals._EVERY", 0.0)
    told = asyncio.Event()
    refusals = Refusals(lambda event: told.set())
    refusals.answer(Overloaded())
    await told.wait()
