"""The list of `/clients`."""

import json
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest

from scrap.clients import TopClients
from scrap.errors import Outcome, Reason
from scrap.events import RequestEnded
from scrap.telemetry import FanOut
from tests.clock import Clock
from tests.unit.telemetry.events import ENDED, FAILED

SHED = replace(FAILED, reason=Reason.FULL, outcome=Outcome.SHED, status=503)
BLOCKED = replace(FAILED, reason=Reason.BLOCKED_ADDRESS, outcome=Outcome.BLOCKED, status=403)


class Counting:
    """A list with a clock."""

    def __init__(self, log: str = "full") -> None:
        self.clock = Clock(600.0)
        self._clients = TopClients(log, clock=self.clock)
        self._emit = FanOut(pytest.fail, clients=self._clients.handlers)

    def emit(self, address: str, *events: RequestEnded, user_agent: str = "curl") -> None:
        for event in events:
            self._emit(replace(event, client_address=address, user_agent=user_agent))

    def render(self) -> dict[str, Any]:
        rendered: dict[str, Any] = json.loads(self._clients.render())
        return rendered

    def lines(self) -> list[str]:
        return self._clients.render().decode().splitlines()

    def addresses(self) -> list[str]:
        return [row["client_address"] for row in self.render()["clients"]]


def test_requests_are_counted_by_client_and_result() -> None:
    counting = Counting()
    counting.emit("192.0.2.1", ENDED, ENDED, FAILED)
    counting.emit("192.0.2.2", ENDED, SHED, SHED, BLOCKED, FAILED, user_agent="old")
    counting.emit("192.0.2.2", BLOCKED, user_agent="new")
    counting.clock.now += 30
    assert counting.render() == {
        "log_clients": "full",
        "seconds": 30,
        "requests": 9,
        "missed": 0,
        "clients": [
            {
                "client_address": "192.0.2.2",
                "requests": 6,
                "failures": 5,
                "rejections": 2,
                "blocked": 2,
                "user_agent": "new",
            },
            {
                "client_address": "192.0.2.1",
                "requests": 3,
                "failures": 1,
                "rejections": 0,
                "blocked": 0,
                "user_agent": "curl",
            },
        ],
    }


def test_a_person_reads_one_client_a_line() -> None:
    counting = Counting()
    counting.emit("192.0.2.1", ENDED)
    counting.emit("192.0.2.2", ENDED)
    assert [line[19:28] for line in counting.lines()[1:]] == ["192.0.2.1", "192.0.2.2"]


def test_the_last_five_minutes_count() -> None:
    counting = Counting()
    counting.emit("192.0.2.1", ENDED)
    counting.clock.now += 359
    counting.emit("192.0.2.2", ENDED)
    assert set(counting.addresses()) == {"192.0.2.1", "192.0.2.2"}
    assert counting.render()["seconds"] == 359
    counting.clock.now += 1
    assert counting.addresses() == ["192.0.2.2"], "also where no request has come since"
    assert counting.render()["seconds"] == 300
    counting.emit("192.0.2.3", ENDED)
    counting.clock.now += 10_000
    assert (counting.addresses(), counting.render()["requests"]) == ([], 0)
    assert 300 <= counting.render()["seconds"] < 360


def test_minutes_are_added_up() -> None:
    counting = Counting()
    for _ in range(5):
        counting.emit("192.0.2.1", ENDED, SHED)
        counting.clock.now += 60
    counting.emit("192.0.2.2", *[ENDED] * 9)
    row = counting.render()["clients"][0]
    assert (row["client_address"], row["requests"], row["rejections"]) == ("192.0.2.1", 10, 5)


def test_the_list_ends_after_the_twentieth() -> None:
    counting = Counting()
    for number in range(30):
        counting.emit(f"192.0.2.{number}", *[ENDED] * (number + 1))
    assert counting.addresses() == [f"192.0.2.{number}" for number in range(29, 9, -1)]
    assert counting.render()["requests"] == sum(range(1, 31))


def test_where_clients_are_off_it_is_empty_and_says_so() -> None:
    counting = Counting("off")
    counting.emit("192.0.2.1", ENDED, FAILED)
    assert counting.render() == {"log_clients": "off", "seconds": 0, "requests": 0, "missed": 0, "clients": []}


@pytest.mark.parametrize("end", ["x", "\N{GRINNING FACE}", "\N{REPLACEMENT CHARACTER}"])
def test_any_number_of_clients_takes_a_mebibyte(end: str) -> None:
    """Six minutes of clients that each send one request, with the longest addresses and User-Agents there are."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        counting = Counting()
        for minute in range(6):
            counting.clock.now = minute * 60.0
            for number in range(2000):
                address = f"2001:0db8:1111:2222:3333:4444:5555:{minute:02}{number:04}"
                counting.emit(address, SHED, user_agent=f"{address}{'x' * 199}"[:199] + end)
        assert tracemalloc.get_traced_memory()[0] - before < 1024 * 1024
        assert counting.render()["missed"] > 0
    finally:
        tracemalloc.stop()
