"""Each thing a fetch needs is taken away in the middle: the call fails as an internal error, and nothing is leaked."""

import asyncio
import contextlib
import errno
import os
import resource
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from scrap import urls
from scrap.errors import DeadlineExceeded, Overloaded, Reason, UpstreamError
from scrap.fetch import EgressPolicy, FetchLimits, exhaustion, resolver
from scrap.fetch.per_host_limit import PerHostLimit
from scrap.fetch.resolver import Resolver
from scrap.fetch.response import UpstreamResponse
from scrap.fetch.socket_reader import ConnectionResources
from scrap.turns import Turns
from tests.hostile.answers import CARD, HTML, page, says
from tests.hostile.deaf import deaf
from tests.hostile.names import Names
from tests.hostile.origin import serving
from tests.integration.fetch.conftest import LOOPBACK, Client, Make


@contextlib.contextmanager
def no_descriptors(left: int = 0) -> Iterator[None]:
    """Lets this process have only so many more descriptors, with RLIMIT_NOFILE as it is enforced."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    filling = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 32, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                filling.append(os.open(os.devnull, os.O_RDONLY))
        for number in filling[len(filling) - left :]:
            os.close(number)
        del filling[len(filling) - left :]
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for number in filling:
            os.close(number)


class NoThread(threading.Thread):
    """A thread that cannot be started, in place of RLIMIT_NPROC and cgroups, which do not hold for every user."""

    error: Exception = RuntimeError("can't start new thread")

    def start(self) -> None:
        raise self.error


# Sockets.


async def test_no_descriptor_for_a_connection(client: Client) -> None:
    async with serving(page()) as origin:
        with no_descriptors(), pytest.raises(Overloaded) as caught:
            await client.get(origin.url())
        assert caught.value.reason is Reason.EXHAUSTED
        assert "Too many open files" in caught.value.internal
        assert (await client.get(origin.url())).body == CARD


async def test_no_descriptor_for_any_of_several_addresses(make: Make) -> None:
    client = make(resolve=Names({"two.example": [["127.0.0.1", "127.0.0.2"]]}))
    async with serving(page()) as origin:
        with no_descriptors(), pytest.raises(Overloaded) as caught:
            await client.get(origin.url("/", "two.example"))
        assert caught.value.reason is Reason.EXHAUSTED
        assert (await client.get(origin.url("/", "two.example"))).body == CARD


async def test_no_descriptor_for_the_second_address_is_not_blamed_on_the_first(make: Make) -> None:
    """One descriptor: the first address, which takes no connection, has it; the second has none."""
    client = make(
        resolve=Names({"two.example": [["127.0.0.3", "127.0.0.1"]]}),
        limits=FetchLimits(connect_seconds=2, address_delay=0.01),
    )
    async with serving(page()) as origin:
        missing = pytest.raises(DeadlineExceeded)  # the first may still answer, until the time is over
        with deaf("127.0.0.3", origin.port), no_descriptors(left=1), missing as caught:
            await client.get(origin.url("/", "two.example"))
        assert caught.value.reason is Reason.TIMEOUT_CONNECT
        assert (await client.get(origin.url("/", "two.example"))).body == CARD


@pytest.mark.parametrize("failures", [[errno.EMFILE, errno.ECONNREFUSED], [errno.ECONNREFUSED, errno.EMFILE]])
async def test_one_address_without_a_socket_is_enough_to_say_nothing_of_the_host(
    make: Make, monkeypatch: pytest.MonkeyPatch, failures: list[int]
) -> None:
    """The kernel's answers, address by address, at the event loop's seam."""
    answers = iter(failures)

    async def create_connection(*_: object, **__: object) -> None:
        number = next(answers)
        raise OSError(number, os.strerror(number))

    class Loop:
        def __getattr__(self, name: str) -> object:
            return create_connection if name == "create_connection" else getattr(loop, name)

    loop = asyncio.get_running_loop()
    client = make(resolve=Names({"two.example": [["127.0.0.1", "127.0.0.2"]]}))
    monkeypatch.setattr("scrap.fetch.connect.asyncio.get_running_loop", Loop)
    with pytest.raises(Overloaded) as caught:
        await client.get("http://two.example/")
    assert caught.value.reason is Reason.EXHAUSTED


@pytest.mark.parametrize(("address", "ours"), [("127.0.0.1", True), ("255.255.255.255", False)])
async def test_a_local_port_is_missing_only_where_there_is_a_local_address(address: str, ours: bool) -> None:
    """The kernel says the same of an address family that is switched off; broadcast stands in for it here."""
    assert exhaustion.is_ours(OSError(errno.EADDRNOTAVAIL, "no port"), ip_address(address)) is ours


@pytest.mark.parametrize("is_begun", [False, True])
async def test_no_memory_for_a_connection_that_is_there(is_begun: bool) -> None:
    """The kernel's error, as an event loop passes it on."""
    target = urls.parse("http://host.example/")
    response = UpstreamResponse(target, ConnectionResources(FetchLimits(), Turns()))
    if is_begun:
        part = HTML + b"Content-Length: 100\r\n\r\npart"
        response.get_buffer(-1)[: len(part)] = part
        response.buffer_updated(len(part))
    response.connection_lost(OSError(errno.ENOBUFS, "No buffer space available"))
    if is_begun:
        await response.head()
        assert response.take() == b"part"

    async def rest() -> None:
        await response.head()
        response.take()

    with pytest.raises(Overloaded) as caught:
        await rest()
    assert caught.value.reason is Reason.EXHAUSTED
    assert not response.cut


# Look-ups.


@pytest.fixture
async def resolve() -> Resolver:
    """A resolver whose one thread has looked a name up, so that glibc has read its own configuration."""
    resolve = Resolver(1, ("localhost",))
    assert "127.0.0.1" in await resolve("localhost")
    return resolve


@pytest.mark.parametrize("left", [0, 1, 2])
async def test_no_descriptor_for_a_look_up(resolve: Resolver, left: int) -> None:
    with no_descriptors(left), pytest.raises(Overloaded) as caught:
        await resolve("nowhere.invalid")
    assert caught.value.reason is Reason.EXHAUSTED
    assert "127.0.0.1" in await resolve("localhost")
    resolve.close()


async def test_name_that_is_not_there_is_no_exhaustion(resolve: Resolver) -> None:
    with pytest.raises(socket.gaierror):
        await resolve("a label with spaces.invalid")
    resolve.close()


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError(), KeyboardInterrupt()])
async def test_thread_that_cannot_be_started_costs_no_permit(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """A fake thread: see NoThread."""
    resolve = Resolver(2, ("localhost",))
    with monkeypatch.context() as without:
        without.setattr(NoThread, "error", error)
        without.setattr(threading, "Thread", NoThread)
        for _ in range(5):
            with pytest.raises(type(error) if isinstance(error, KeyboardInterrupt) else Overloaded) as caught:
                await resolve("localhost")
            assert getattr(caught.value, "reason", Reason.EXHAUSTED) is Reason.EXHAUSTED
    both = await asyncio.gather(resolve("localhost"), resolve("localhost"))
    assert both[0] == both[1]
    resolve.close()


async def test_look_up_that_fails_or_is_left_costs_no_permit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, speech = threading.Semaphore(0), threading.Event()

    def addresses(name: bytes) -> list[str]:
        asked.release()
        speech.wait(30)
        if name.startswith(b"broken"):
            raise MemoryError
        return ["127.0.0.1"]

    monkeypatch.setattr(resolver, "_addresses", addresses)
    resolve = Resolver(2)
    broken = asyncio.create_task(resolve("broken.example"))
    left = asyncio.create_task(resolve("left.example"))
    await asyncio.sleep(0)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    speech.set()
    with pytest.raises(MemoryError):
        await broken
    while True:  # the thread that nobody waits for ends in its own time
        with contextlib.suppress(Overloaded):
            first, second = await asyncio.gather(resolve("a.example"), resolve("b.example"))
            assert first == second == ["127.0.0.1"]
            break
        await asyncio.sleep(0)
    resolve.close()


async def test_threads_are_as_many_as_names_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    used = set()

    def addresses(name: bytes) -> list[str]:
        used.add(threading.get_ident())
        return ["127.0.0.1"]

    monkeypatch.setattr(resolver, "_addresses", addresses)
    resolve = Resolver(1)
    for number in range(200):
        await resolve(f"{number}.example")
    assert len(used) == 1
    resolve.close()


# Slots of a host.


async def _cancelled_while_waiting(per_host: PerHostLimit) -> None:
    waiting = asyncio.create_task(per_host.take("host"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    per_host.give_back("host")


async def _cancelled_as_it_is_handed_over(per_host: PerHostLimit) -> None:
    waiting = asyncio.create_task(per_host.take("host"))
    await asyncio.sleep(0)
    per_host.give_back("host")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def _nobody_waits(per_host: PerHostLimit) -> None:
    per_host.give_back("host")


@pytest.mark.parametrize("end", [_cancelled_while_waiting, _cancelled_as_it_is_handed_over, _nobody_waits])
async def test_slot_of_a_host_is_not_lost(end: Callable[[PerHostLimit], Awaitable[None]]) -> None:
    per_host = PerHostLimit(FetchLimits(per_host=1, per_host_waiting=1))
    await per_host.take("host")
    await end(per_host)
    async with asyncio.timeout(1):
        await per_host.take("host")


@pytest.mark.parametrize("what", ["guard", "look-up", "connection", "answer", "thread", "descriptor", "cancelled"])
async def test_fetch_that_fails_while_it_holds_a_slot_gives_it_back(
    make: Make, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """With one place and nobody who may wait for it, the next fetch is the proof."""
    names = Names({"host.example": [["127.0.0.1"]]})
    limits = FetchLimits(per_host=1, per_host_waiting=0, connect_seconds=2, first_byte_seconds=0.2)
    client = make(resolve=names, limits=limits)
    failing = {
        "guard": make(resolve=Names({"host.example": [["10.0.0.1"]]}), limits=limits),
        "look-up": make(resolve=Names({}), limits=limits),
        "thread": make(limits=limits, policy=EgressPolicy(networks=LOOPBACK, ports=frozenset(range(1, 65536)))),
    }.get(what, client)
    async with serving(says(stays=True)) as silent, serving(page()) as origin:
        port = {"connection": 1, "answer": silent.port, "cancelled": silent.port}.get(what, origin.port)
        with contextlib.ExitStack() as stack:
            if what == "descriptor":
                stack.enter_context(no_descriptors())
            if what == "thread":
                stack.enter_context(monkeypatch.context()).setattr(threading, "Thread", NoThread)
            for _ in range(3):
                fetch = asyncio.create_task(failing.get(f"http://host.example:{port}/"))
                if what == "cancelled":
                    await asyncio.sleep(0)
                    fetch.cancel()
                (error,) = await asyncio.gather(fetch, return_exceptions=True)
                assert isinstance(error, BaseException)
                assert getattr(error, "reason", None) is not Reason.FULL
        if failing is client:
            assert (await client.get(f"http://host.example:{origin.port}/")).body == CARD


# Attempts and timers. The fixture of this folder sees to it that no task and no socket is left behind.


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.3", "127.0.0.1"]])
async def test_fetch_that_is_cancelled_leaves_no_attempt_and_no_handshake(
    make: Make, scheme: str, addresses: list[str]
) -> None:
    client = make(
        resolve=Names({"host.example": [addresses]}),
        limits=FetchLimits(connect_seconds=5, first_byte_seconds=5, address_delay=0.01),
    )
    async with serving(says(stays=True)) as origin:
        with deaf("127.0.0.3", origin.port):
            fetch = asyncio.create_task(client.get(f"{scheme}://host.example:{origin.port}/"))
            while not origin.open:
                await asyncio.sleep(0.001)
            fetch.cancel()
            with pytest.raises(asyncio.CancelledError):
                await fetch
            await origin.left.wait()


async def test_tls_handshake_whose_time_is_over_ends_its_connection(make: Make) -> None:
    client = make(limits=FetchLimits(connect_seconds=0.1))
    async with serving(page()) as origin:
        with pytest.raises(DeadlineExceeded):
            await client.get(f"https://127.0.0.1:{origin.port}/")
        await origin.left.wait()


async def test_refused_attempts_are_the_hosts_own(make: Make) -> None:
    client = make(resolve=Names({"two.example": [["127.0.0.1", "127.0.0.2"]]}))
    with pytest.raises(UpstreamError) as caught:
        await client.get("http://two.example:1/")
    assert caught.value.reason is Reason.CONNECT_FAILED
