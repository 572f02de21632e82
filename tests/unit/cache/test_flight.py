"""Single flight: one piece of work, and a client that leaves changes nothing for the others."""

import asyncio
import contextvars
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from scrap.cache.flight import Disconnect, Flights
from scrap.errors import Overloaded, Reason, ScrapError, UpstreamError
from scrap.events import Event, FlightJoined, ignore


class HeldWork:
    """A piece of work that the test ends by hand."""

    def __init__(self) -> None:
        self.started = 0
        self.cancelled = 0
        self.result: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> str:
        self.started += 1
        try:
            return await asyncio.shield(self.result)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def run_ready_tasks() -> None:
    """Lets everything that can run, run."""
    for _ in range(10):
        await asyncio.sleep(0)


def call(flights: Flights[str], make: Callable[[], Any], key: str = "k") -> asyncio.Task[str]:
    return asyncio.create_task(flights.run(key, make))


@dataclass
class Asking:
    """A client, and the request that it waits for."""

    flights: Flights[str]
    make: Callable[[], Any]
    leave: Disconnect = field(default_factory=Disconnect)
    task: asyncio.Task[str] = field(init=False)

    def __post_init__(self) -> None:
        self.task = asyncio.create_task(self.flights.run("k", self.make, self.leave))


async def has_left(task: Awaitable[str]) -> None:
    with pytest.raises(ScrapError) as caught:
        await task
    assert caught.value.reason is Reason.CALLER_LEFT


async def test_who_waits_has_the_result_in_the_turn_after_it_is_there() -> None:
    """Each turn costs a page the work of all others that are ready."""
    flights = Flights[str](emit=ignore)
    page: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def work() -> str:
        return await page

    waiting = call(flights, work)
    await run_ready_tasks()
    page.set_result("page")
    await asyncio.sleep(0)  # the work goes on, and ends
    await asyncio.sleep(0)
    assert waiting.done()
    assert await waiting == "page"


async def test_a_thousand_clients_are_one_piece_of_work() -> None:
    events: list[Event] = []
    flights = Flights[str](emit=events.append)
    work = HeldWork()
    calls = [call(flights, work) for _ in range(1000)]
    await run_ready_tasks()
    assert "k" in flights
    work.result.set_result("page")
    assert await asyncio.gather(*calls) == ["page"] * 1000
    assert work.started == 1
    assert events == [FlightJoined()] * 999
    assert "k" not in flights


async def test_other_keys_are_other_work() -> None:
    flights = Flights[str](emit=ignore)
    first, second = HeldWork(), HeldWork()
    calls = [call(flights, first, "a"), call(flights, second, "b")]
    first.result.set_result("a")
    second.result.set_result("b")
    assert await asyncio.gather(*calls) == ["a", "b"]


async def test_work_that_is_over_is_not_joined() -> None:
    flights = Flights[str](emit=ignore)
    for expected in ("first", "second"):
        work = HeldWork()
        work.result.set_result(expected)
        assert await flights.run("k", work) == expected


@pytest.mark.parametrize("leaver", [0, 1, 2])
async def test_one_clients_leaving_cancels_no_other(leaver: int) -> None:
    flights = Flights[str](linger=0.0, emit=ignore)
    work = HeldWork()
    clients = [Asking(flights, work) for _ in range(3)]
    await run_ready_tasks()
    left = clients.pop(leaver)
    left.leave()
    await run_ready_tasks()
    work.result.set_result("page")
    assert await asyncio.gather(*(client.task for client in clients)) == ["page"] * 2
    await has_left(left.task)
    assert work.cancelled == 0


async def test_a_client_that_joined_and_left_waits_for_nothing() -> None:
    flights = Flights[str](emit=ignore)
    work = HeldWork()
    first, second = Asking(flights, work), Asking(flights, work)
    await run_ready_tasks()
    second.leave()
    await has_left(second.task)
    work.result.set_result("page")
    assert await first.task == "page"


async def test_a_client_that_left_before_its_request_began_starts_nothing() -> None:
    flights = Flights[str](emit=ignore)
    work = HeldWork()
    client = Asking(flights, work)
    client.leave()
    await has_left(client.task)
    assert (work.started, "k" in flights) == (0, False)


async def test_a_cancelled_request_that_joined_leaves_the_work_alone() -> None:
    flights = Flights[str](linger=0.0, emit=ignore)
    work = HeldWork()
    first, second = call(flights, work), call(flights, work)
    await run_ready_tasks()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    work.result.set_result("page")
    assert await first == "page"


async def test_a_cancelled_request_that_does_the_work_takes_the_others_with_it() -> None:
    """Only a server that ends cancels requests."""
    flights = Flights[str](emit=ignore)
    work = HeldWork()
    first, second = call(flights, work), call(flights, work)
    await run_ready_tasks()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    with pytest.raises(Overloaded) as caught:
        await second
    assert caught.value.reason is Reason.DRAINING
    assert "k" not in flights


async def test_when_the_last_leaves_the_work_is_cancelled() -> None:
    flights = Flights[str](linger=0.0, emit=ignore)
    work = HeldWork()
    clients = [Asking(flights, work) for _ in range(2)]
    await run_ready_tasks()
    for client in clients:
        client.leave()
    for client in clients:
        await has_left(client.task)
        assert not client.task.cancelling()
    assert work.cancelled == 1
    assert "k" not in flights


async def test_who_comes_while_abandoned_work_dies_starts_anew() -> None:
    flights = Flights[str](linger=0.0, emit=ignore)
    dying = asyncio.Event()
    gone = asyncio.Event()

    async def slow_to_die() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            dying.set()
            await gone.wait()
            raise
        raise AssertionError

    first = Asking(flights, slow_to_die)
    await run_ready_tasks()
    first.leave()
    await dying.wait()
    work = HeldWork()
    work.result.set_result("anew")
    assert await flights.run("k", work) == "anew"
    gone.set()
    await has_left(first.task)
    assert "k" not in flights


async def test_lingering_work_is_taken_over() -> None:
    flights = Flights[str](linger=3600.0, emit=ignore)
    work = HeldWork()
    first = Asking(flights, work)
    await run_ready_tasks()
    first.leave()
    second = call(flights, work)
    await run_ready_tasks()
    work.result.set_result("page")
    assert await second == "page"
    await has_left(first.task)
    assert (work.started, work.cancelled) == (1, 0)


async def test_work_that_was_taken_over_and_left_again_is_cancelled() -> None:
    flights = Flights[str](linger=0.0, emit=ignore)
    work = HeldWork()
    first = Asking(flights, work)
    await run_ready_tasks()
    first.leave()
    second = Asking(flights, work)
    await asyncio.sleep(0)
    second.leave()
    await has_left(second.task)
    await has_left(first.task)
    assert (work.started, work.cancelled) == (1, 1)


async def test_lingering_work_may_end_in_peace() -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    flights = Flights[str](linger=3600.0, emit=ignore)
    work = HeldWork()
    first = Asking(flights, work)
    await run_ready_tasks()
    first.leave()
    work.result.set_result("page")
    await has_left(first.task)
    assert "k" not in flights
    assert not reports


async def test_a_failure_is_everybodys_and_its_traceback_does_not_grow() -> None:
    flights = Flights[str](emit=ignore)
    work = HeldWork()
    calls = [call(flights, work) for _ in range(1000)]
    await run_ready_tasks()
    work.result.set_exception(UpstreamError(Reason.DNS_FAILED))
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(error, UpstreamError) for error in errors)
    (error,) = set(errors)
    assert isinstance(error, UpstreamError)
    assert len(traceback.extract_tb(error.__traceback__)) < 10
    assert error.__context__ is None


async def test_a_client_that_left_in_the_same_instant_is_left_alone() -> None:
    flights = Flights[str](linger=0.0, emit=ignore)
    work = HeldWork()
    calls = [call(flights, work) for _ in range(2)]
    await run_ready_tasks()
    task = flights._flights["k"].task
    work.result.set_result("page")
    while not task.done():
        await asyncio.sleep(0)
    calls[1].cancel()  # the work is over, and the request that joined has not yet seen its result
    with pytest.raises(asyncio.CancelledError):
        await calls[1]
    assert await calls[0] == "page"


async def test_launched_work_needs_nobody() -> None:
    flights = Flights[str](linger=0.0, emit=ignore)
    work = HeldWork()
    flights.launch("k", work)
    flights.launch("k", work)
    joined = Asking(flights, work)
    await run_ready_tasks()
    assert work.started == 1
    joined.leave()
    await has_left(joined.task)
    await run_ready_tasks()
    assert work.cancelled == 0
    work.result.set_result("page")
    await run_ready_tasks()
    assert "k" not in flights


async def test_a_known_error_that_nobody_waits_for_is_dropped_and_an_unknown_one_reported() -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    flights = Flights[str](emit=ignore)
    bug = ZeroDivisionError()
    for error in (UpstreamError(Reason.DNS_FAILED), bug):
        work = HeldWork()
        work.result.set_exception(error)
        flights.launch("k", work)
        await run_ready_tasks()
    assert [report["exception"] for report in reports] == [bug]


async def test_the_work_sees_the_first_clients_context() -> None:
    who = contextvars.ContextVar("who", default="nobody")
    flights = Flights[str](emit=ignore)

    async def make() -> str:
        return who.get()

    who.set("first")
    assert await flights.run("k", make) == "first"


async def test_closing_cancels_the_work_and_its_calls() -> None:
    flights = Flights[str](emit=ignore)
    work = HeldWork()
    calls = [call(flights, work) for _ in range(2)]
    await run_ready_tasks()
    await flights.aclose()
    with pytest.raises(asyncio.CancelledError):
        await calls[0]
    with pytest.raises(Overloaded) as caught:
        await calls[1]
    assert caught.value.reason is Reason.DRAINING
    assert work.cancelled == 1
    assert "k" not in flights
