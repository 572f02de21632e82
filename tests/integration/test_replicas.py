"""Services that share a Valkey or Redis server: what one keeps, another answers, and none needs the server."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from hashlib import blake2b
from urllib.parse import quote

import orjson
import pytest

from scrap import urls
from scrap.cache import entry
from scrap.cache.freshness import Freshness
from scrap.cache.shared import _name
from scrap.errors import Outcome
from tests import client, running
from tests.hostile.answers import page, says
from tests.hostile.origin import serving
from tests.integration.cache.redis_server import RedisServer, received
from tests.integration.counted_page import CountedPage
from tests.integration.test_caching import figure
from tests.waiting import eventually

TO_THE_LETTER = {"SCRAP_CACHE_MIN": "0", "SCRAP_CACHE_FAILURES": "0"}


@pytest.fixture(scope="module", params=["0", "1000000"], ids=["without memory", "with memory"])
def replicas(shared: RedisServer, request: pytest.FixtureRequest) -> Iterator[tuple[running.Service, running.Service]]:
    """Two services that share the server, and have a memory of their own or none."""
    settings = TO_THE_LETTER | {"SCRAP_CACHE_URL": shared.url, "SCRAP_CACHE_BYTES": request.param}
    with running.service(settings) as first, running.service(settings) as second:
        yield first, second


@pytest.fixture
def pair(
    shared: RedisServer, replicas: tuple[running.Service, running.Service]
) -> tuple[running.Service, running.Service]:
    """The two, both with the server."""
    for service in replicas:
        until_up(service)
    shared.admin.flushdb()  # ports come again
    return replicas


def until_up(service: running.Service, up: int = 1) -> None:
    """Waits until the service takes the server for well, or for gone."""
    eventually(lambda: figure(service, "scrap_cache_shared_up") == up)


def answers(service: running.Service, url: str, title: str) -> bool:
    """Whether the service says this of a page."""
    return bool(client.scrap(service.url, url).json["title"] == title)


def test_a_stale_answer_of_another_replica_is_given_while_its_page_is_fetched_again(
    shared: RedisServer,
    site: tuple[CountedPage, str],
    pair: tuple[running.Service, running.Service],
) -> None:
    (state, url), (first, second) = site, pair
    state.headers["Cache-Control"] = "max-age=0, stale-while-revalidate=60"
    client.scrap(first.url, url)
    eventually(partial(shared.admin.exists, _name(urls.parse(url).href)))
    state.title = "Second"
    assert client.scrap(second.url, url).json["title"] == "First"
    eventually(partial(answers, second, url, "Second"))  # the refresh behind the answer's back arrives
    eventually(partial(answers, first, url, "Second"))


def test_a_stale_answer_of_another_replica_stands_in_for_a_page_that_is_broken(
    shared: RedisServer,
    site: tuple[CountedPage, str],
    pair: tuple[running.Service, running.Service],
) -> None:
    (state, url), (first, second) = site, pair
    state.headers["Cache-Control"] = "max-age=0, stale-while-revalidate=0, stale-if-error=60"
    client.scrap(first.url, url)
    eventually(partial(shared.admin.exists, _name(urls.parse(url).href)))
    state.status = 500
    answer = client.scrap(second.url, url)
    assert (answer.status, answer.json["title"], state.visits) == (200, "First", 2)


def test_the_look_up_in_the_server_is_a_phase_of_the_request(
    shared: RedisServer,
    site: tuple[CountedPage, str],
    pair: tuple[running.Service, running.Service],
) -> None:
    (_, url), (first, second) = site, pair
    look_ups = 'scrap_phase_duration_seconds_count{phase="shared_cache"}'
    before = figure(second, look_ups)
    assert ", shared_cache;dur=" in client.scrap(first.url, url).headers["Server-Timing"]
    eventually(partial(shared.admin.exists, _name(urls.parse(url).href)))
    found = client.scrap(second.url, url)
    assert found.headers["Server-Timing"].startswith("dns;dur=0.0, ")
    assert ", shared_cache;dur=" in found.headers["Server-Timing"]
    assert figure(second, look_ups) == before + 1
    explained = client.request(second.url, f"/api/v1/explain?url={quote(f'{url}?explained', safe='')}")
    assert ", shared_cache;dur=" in explained.headers["Server-Timing"]
    assert figure(second, look_ups) == before + 2


def test_the_server_is_killed_and_comes_back_and_no_call_is_lost(shared: RedisServer, origin: running.Origin) -> None:
    numbers = iter(range(1000))

    def call() -> int:
        return client.scrap(service.url, f"{origin.url}/card.html?{next(numbers)}").status

    with running.service({"SCRAP_CACHE_URL": shared.url}) as service:
        until_up(service)
        assert call() == 200
        shared.kill()
        while figure(service, "scrap_cache_shared_up"):
            assert call() == 200
        assert call() == 200
        shared.start()
        while not figure(service, "scrap_cache_shared_up"):
            assert call() == 200
        while not shared.admin.dbsize():
            assert call() == 200  # and it is written to again


async def test_a_saturated_service_asks_nobody_before_it_rejects() -> None:
    """Neither a server that is slow, which this one is for ever, nor the web."""
    asked = 0
    first = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        async for data in received(reader):
            if b"PING" in data:
                writer.write(b"+PONG\r\n$0\r\n\r\n")
            elif b"GETRANGE" in data:
                asked += data.count(b"GETRANGE")
                if not first.is_set():  # the call that takes the one slot
                    first.set()
                    writer.write(b"$0\r\n\r\n")

    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    settings = {
        "SCRAP_CACHE_URL": f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0",
        "SCRAP_CACHE_TIMEOUT": "60",
        "SCRAP_MAX_FETCHES": "1",
        "SCRAP_MAX_WAITING": "0",
        "SCRAP_DEADLINE": "60",
        "SCRAP_FIRST_BYTE_SECONDS": "60",
    }
    async with server, serving(says(stays=True)) as stuck, serving(page()) as healthy:
        with running.service(settings) as service:
            await asyncio.to_thread(until_up, service)
            taken = asyncio.create_task(asyncio.to_thread(client.scrap, service.url, stuck.url()))
            while not stuck.requests:
                await asyncio.sleep(0)
            for method in ("GET", "HEAD"):  # by the load shedder, and the ordinary way
                refused = await asyncio.to_thread(client.scrap, service.url, healthy.url(), method=method)
                assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
            assert asked == 1
            assert healthy.requests == []
            service.process.kill()
            await asyncio.gather(taken, return_exceptions=True)


def forged(key: str, change: dict[int, object], body: bytes = b'{"title":"forged"}') -> bytes:
    """An entry with the right seal, which anybody can compute, and some words of its head changed."""
    made = entry.preview(body, Outcome.OK, Freshness(100, 50, 500), now=time.time())
    head = orjson.loads(entry.encode(key, made)[16:].removesuffix(body))
    payload = orjson.dumps([change.get(index, word) for index, word in enumerate(head)]) + b"\n" + body
    return blake2b(payload + key.encode(), digest_size=16, person=b"scrap entry %d" % entry.VERSION).digest() + payload


BAD_TIMES: tuple[object, ...] = (None, True, "1", [], -1, 1e300, 10**18)


def test_a_forged_entry_is_a_miss(shared: RedisServer, origin: running.Origin) -> None:
    forgeries: list[dict[int, object]] = [
        {0: "upstream_status"},  # with a body
        {0: "a newer release's"},
        {0: "internal"},
        {1: "200"},
        {1: 10**18},
        {2: 1e300},
        {3: "https://example.com/\r\nSet-Cookie: a=b"},
        {3: 1},
        {4: -1e300},
        *({index: time} for index in range(4, 9) for time in BAD_TIMES),
    ]
    with running.service({"SCRAP_CACHE_URL": shared.url}) as service:
        until_up(service)
        url = f"{origin.url}/card.html?genuine"
        shared.admin.set(_name(url), forged(url, {}))
        assert client.scrap(service.url, url).json == {"title": "forged"}  # a seal is no signature
        title = client.scrap(service.url, f"{origin.url}/card.html").json["title"]
        for number, change in enumerate(forgeries):
            url = f"{origin.url}/card.html?{number}"
            shared.admin.set(_name(url), forged(url, change))
            answer = client.scrap(service.url, url)
            assert (answer.status, answer.json["title"], answer.headers["Set-Cookie"]) == (200, title, None), change
        for body in (b"", b"[]", b"{", b"\xff", b'{"title":"' + b"x" * 300_000 + b'"}'):
            url = f"{origin.url}/card.html?body={len(body)}{body[:1].hex()}"
            shared.admin.set(_name(url), forged(url, {}, body))
            assert client.scrap(service.url, url).json["title"] == title
        assert figure(service, 'scrap_cache_shared_failures_total{kind="entry"}') == len(forgeries) + 5
        assert figure(service, "scrap_cache_shared_up") == 1
