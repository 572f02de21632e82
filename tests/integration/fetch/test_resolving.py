"""Names whose servers are silent: their own fetches end, and nobody else's."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from scrap.errors import DeadlineExceeded, Overloaded, Reason
from scrap.fetch import EgressPolicy, FetchLimits, resolver
from tests.hostile.answers import CARD, page
from tests.hostile.origin import serving
from tests.integration.fetch.conftest import Make


@pytest.fixture
def speech(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Name servers of which some are silent until this is set: at the seam, for there is no asking real ones."""
    speech = threading.Event()

    def addresses(name: bytes) -> list[str]:
        if name.startswith(b"silent"):
            speech.wait(30)
            raise OSError("silence")
        return ["127.0.0.1"]

    monkeypatch.setattr(resolver, "_addresses", addresses)
    yield speech
    speech.set()


async def test_a_healthy_name_is_served_beside_200_silent_ones(make: Make, speech: threading.Event) -> None:
    client = make(limits=FetchLimits(connect_seconds=30))  # the silent ones are not given up meanwhile
    async with serving(page()) as origin:
        silent = [asyncio.create_task(client.get(origin.url("/", f"silent{number}.example"))) for number in range(200)]
        await asyncio.sleep(0)
        assert (await client.get(origin.url("/", "healthy.example"))).body == CARD
        assert not any(task.done() for task in silent)
        for task in silent:
            task.cancel()
        await asyncio.gather(*silent, return_exceptions=True)
        assert (await client.get(origin.url("/", "healthy.example"))).body == CARD  # their threads are still taken
    speech.set()


async def test_no_free_thread_is_reported_at_once_and_not_as_a_slow_page(make: Make, speech: threading.Event) -> None:
    limits = FetchLimits(resolver_threads=2, connect_seconds=0.05)
    client = make(limits=limits)
    async with serving(page()) as origin:
        silent = [client.get(origin.url("/", f"silent{number}.example")) for number in range(2)]
        ended = await asyncio.gather(*silent, return_exceptions=True)
        assert [type(error) for error in ended] == [DeadlineExceeded] * 2
        with pytest.raises(Overloaded) as caught:
            await client.get(origin.url("/", "healthy.example"))
        assert caught.value.reason is Reason.FULL
        speech.set()
        while True:  # the threads end in their own time
            try:
                assert (await client.get(origin.url("/", "healthy.example"))).body == CARD
                break
            except Overloaded:
                await asyncio.sleep(0)


async def test_names_are_looked_up_as_absolute_ones(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    def addresses(name: bytes) -> list[str]:
        asked.append(name)
        return ["127.0.0.1"]

    monkeypatch.setattr(resolver, "_addresses", addresses)
    async with serving(page()) as origin:
        policy = EgressPolicy(ports=frozenset({origin.port}), hosts=("relative.svc",))
        for host in ("example.com", "example.com.", "relative.svc"):
            with pytest.raises(Exception, match="blocked_address"):
                await make(policy=policy).get(origin.url("/", host))
    assert asked == [b"example.com.", b"example.com.", b"relative.svc"]


async def test_process_does_not_wait_for_a_look_up_at_its_end() -> None:
    """A name server that is silent for a minute, at the seam, and an interpreter that ends meanwhile."""
    program = """
import asyncio, time
from scrap.fetch import resolver

async def main():
    try:
        async with asyncio.timeout(0.1):
            await resolve("silent.example")
    except TimeoutError:
        resolve.close()
        print("the end")

resolver._addresses = lambda name: time.sleep(60)
resolve = resolver.Resolver(1)
asyncio.run(main())
"""
    command = [sys.executable, "-c", program]
    ended = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30, check=True)
    assert (ended.stdout, ended.stderr) == ("the end\n", "")
