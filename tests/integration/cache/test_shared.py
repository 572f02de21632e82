"""The shared level against a real server: in use, full of rubbish, slow, gone, and back."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import orjson
import pytest

from scrap.cache import Cache, CacheLimits, Hit, SharedSettings
from scrap.cache.entry import Entry, EntryState, encode, failure, preview
from scrap.cache.freshness import Freshness, FreshnessPolicy
from scrap.cache.shared import _name
from scrap.errors import Outcome, Reason, UpstreamError
from scrap.events import Event, SharedCacheFailed
from tests.integration.cache.redis_server import DEADLINE, RedisServer, received, until

KEY = "https://example.com/somebody/secret"


class Replica:
    """A cache with its events, as one replica of the service has it."""

    def __init__(self, settings: SharedSettings) -> None:
        self.events: list[Event] = []
        self.cache = Cache(CacheLimits(), settings, emit=self.events.append)

    @property
    def up(self) -> bool:
        return self.cache.shared_up is True

    def tried(self) -> bool:
        """Whether the server has disappointed."""
        return bool(self.error_kinds)

    @property
    def error_kinds(self) -> list[str]:
        return [event.kind for event in self.events if isinstance(event, SharedCacheFailed)]


@asynccontextmanager
async def replica(url: str, *, patience: float = 2.0, backlog: int = 1024, up: bool = True) -> AsyncIterator[Replica]:
    settings = SharedSettings(
        url, timeout=patience, retry_first=0.01, retry_last=0.05, value_bytes=100_000, backlog=backlog
    )
    made = Replica(settings)
    made.cache.start()
    try:
        if up:
            await until(lambda: made.up)
        yield made
    finally:
        async with asyncio.timeout(DEADLINE):
            await made.cache.aclose()


def page(title: str = "page", freshness: Freshness = Freshness(100, 50, 500), age: float = 0.0) -> Entry:  # noqa: B008 - frozen
    return preview(orjson.dumps({"title": title}), Outcome.OK, freshness, now=time.time() - age)


def title(hit: Hit | None) -> str | None:
    return hit and orjson.loads(hit.entry.body)["title"]


def writes(replica: Replica) -> dict[str, int]:
    """How many entries it sent to the server, by result."""
    return {result: count for (result,), count in replica.cache.shared_writes.items() if count}


async def stored(server: RedisServer, key: str) -> bytes:
    """What the server holds once the write has come there."""
    await until(lambda: server.admin.type(_name(key)) == b"string")
    return cast("bytes", server.admin.get(_name(key)))


async def test_what_one_replica_stores_another_finds_and_keeps(server: RedisServer) -> None:
    async with replica(server.url) as first, replica(server.url) as second:
        assert await second.cache.from_shared(KEY) is None
        first.cache.put(KEY, page())
        await stored(server, KEY)
        hit = await second.cache.from_shared(KEY)
        assert hit == first.cache.from_memory(KEY)
        assert hit is not None
        assert hit.state is EntryState.FRESH
        assert second.cache.from_memory(KEY) == hit
        found = {lookup: count for lookup, count in second.cache.lookups.items() if count}
        assert found == {("shared", "miss"): 1, ("shared", "fresh"): 1, ("memory", "fresh"): 1}
        assert second.events == []


async def test_the_server_forgets_an_entry_when_it_is_of_no_use_any_more(server: RedisServer) -> None:
    async with replica(server.url) as here:
        here.cache.put(KEY, page(freshness=Freshness(100, 50, 500)))
        await stored(server, KEY)
        assert 590_000 < server.admin.pttl(_name(KEY)) <= 600_000


async def test_a_page_that_may_not_be_kept_any_more_is_forgotten_by_the_server(server: RedisServer) -> None:
    async with replica(server.url) as here:
        here.cache.put(KEY, page())
        await stored(server, KEY)
        here.cache.put(KEY, page(freshness=Freshness(0)))
        await until(lambda: not server.admin.exists(_name(KEY)))


async def test_the_server_does_not_receive_the_urls_of_pages(server: RedisServer) -> None:
    async with replica(server.url) as here:
        here.cache.put(KEY, page())
        data = await stored(server, KEY)
        assert server.admin.keys() == [_name(KEY).encode()]
        assert _name(KEY).startswith("scrap:3:")
        assert b"example" not in data + _name(KEY).encode()


async def test_a_database_of_its_own(server: RedisServer) -> None:
    async with replica(server.url[:-1] + "3") as here:
        here.cache.put(KEY, page())
        await until(lambda: server.admin.info("keyspace").get("db3"))


async def test_a_failure_travels_too(server: RedisServer) -> None:
    error = UpstreamError(Reason.UPSTREAM_STATUS, status=429, retry_after=60.0)
    async with replica(server.url) as first, replica(server.url) as second:
        answer = first.cache.fail(KEY, failure(error, policy=FreshnessPolicy(), now=time.time()))
        await stored(server, KEY)
        assert await second.cache.from_shared(KEY) == Hit(answer, EntryState.FRESH)


async def test_an_entry_that_can_only_stand_in_is_found_when_it_must(server: RedisServer) -> None:
    old = page("old", age=200.0)
    async with replica(server.url) as first, replica(server.url) as second:
        first.cache.put(KEY, old)
        await stored(server, KEY)
        assert await second.cache.from_shared(KEY) == Hit(old, None)
        failed = failure(UpstreamError(Reason.CONNECT_FAILED), policy=FreshnessPolicy(), now=time.time())
        assert second.cache.fail(KEY, failed).body == old.body
        # The others learn that the page need not be tried for a moment.
        before = dict(first.cache.lookups)
        await until(lambda: server.admin.get(_name(KEY)) != encode(KEY, old))
        hit = await first.cache.from_shared(KEY)
        assert hit is not None
        assert hit.state is EntryState.HELD
        assert first.cache.lookups == before | {("shared", "stale"): before["shared", "stale"] + 1}
        assert first.cache.from_memory(KEY) == hit


async def test_a_failure_that_is_over_gives_way_to_a_preview(server: RedisServer) -> None:
    """This process had failed to ask the shared level, and to fetch the page, a while ago."""
    now, kept = time.time(), page("old", age=200.0)
    error, policy = UpstreamError(Reason.CONNECT_FAILED), FreshnessPolicy(negative=1.0)
    over = failure(error, policy=policy, now=now - 5)
    async with replica(server.url) as first, replica(server.url) as second:
        first.cache.put(KEY, kept)
        await stored(server, KEY)
        second.cache.memory.put(KEY, over)
        assert await second.cache.from_shared(KEY) == Hit(kept, None)
        assert second.cache.memory.get(KEY) == kept
        second.cache.memory.put(KEY, over)
        assert second.cache.fail(KEY, failure(error, policy=policy, now=now), fallback=kept).body == kept.body


async def test_a_newer_entry_in_memory_stays(server: RedisServer) -> None:
    async with replica(server.url) as first, replica(server.url) as second:
        first.cache.put(KEY, page("old", age=10.0))
        await stored(server, KEY)
        newer = page("new")
        second.cache.put(KEY, newer)
        server.admin.set(_name(KEY), encode(KEY, page("old", age=10.0)))
        await second.cache.from_shared(KEY)
        assert second.cache.from_memory(KEY) == Hit(newer, EntryState.FRESH)


async def test_many_look_ups_at_once_each_find_their_own(server: RedisServer) -> None:
    keys = [f"https://example.com/{number}" for number in range(300)]
    async with replica(server.url) as first, replica(server.url) as second:
        for key in keys:
            first.cache.put(key, page(key))
        await until(lambda: server.admin.dbsize() == len(keys))
        hits = await asyncio.gather(*(second.cache.from_shared(key) for key in keys))
        assert [title(hit) for hit in hits] == keys


@pytest.mark.parametrize(
    "value",
    [
        b"rubbish",
        encode(KEY, page())[:-1],
        encode("https://example.org/", page()),
        b"\xff" * 5_000_000,
        encode(KEY, page("x" * 200_000)),
    ],
    ids=["rubbish", "cut", "foreign", "huge rubbish", "too large an entry"],
)
async def test_what_is_no_entry_of_the_service_is_a_miss(server: RedisServer, value: bytes) -> None:
    async with replica(server.url) as here:
        server.admin.set(_name(KEY), value)
        assert await here.cache.from_shared(KEY) is None
        assert here.error_kinds == ["entry"]
        assert here.up
        here.cache.put(KEY, page("whole"))
        await until(lambda: server.admin.strlen(_name(KEY)) == len(encode(KEY, page("whole"))))
        assert (await here.cache.from_shared(KEY)) is not None


async def test_a_value_of_another_type_is_a_miss_and_is_written_over(server: RedisServer) -> None:
    async with replica(server.url) as here:
        server.admin.rpush(_name(KEY), "x")
        assert await here.cache.from_shared(KEY) is None
        assert here.error_kinds == ["refused"]
        assert here.up
        here.cache.put(KEY, page())
        await stored(server, KEY)


async def test_a_large_entry_stays_at_home(server: RedisServer) -> None:
    async with replica(server.url) as here:
        here.cache.put(KEY, page("x" * 100_001))
        here.cache.put(KEY + "2", page())
        await stored(server, KEY + "2")
        assert server.admin.dbsize() == 1
        assert here.cache.from_memory(KEY) is not None


async def test_a_full_server_refuses_writes_and_is_read_all_the_same(server: RedisServer) -> None:
    async with replica(server.url) as first, replica(server.url) as second:
        first.cache.put(KEY, page())
        await stored(server, KEY)
        server.admin.config_set("maxmemory", "1")  # with `noeviction`, as it comes
        first.cache.put(KEY + "2", page())
        await until(lambda: first.error_kinds == ["out_of_memory"])
        assert writes(first) == {"stored": 1, "out_of_memory": 1}
        assert await second.cache.from_shared(KEY) is not None
        assert first.up


async def test_a_replica_refuses_writes_and_is_read_all_the_same(server: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "primary").mkdir()
    primary = RedisServer(tmp_path / "primary")
    primary.start()
    try:
        async with replica(primary.url) as first:
            first.cache.put(KEY, page())
            await stored(primary, KEY)
        server.admin.replicaof("127.0.0.1", primary.port)
        await stored(server, KEY)
        async with replica(server.url) as here:
            here.cache.put(KEY + "2", page())
            await until(lambda: here.error_kinds == ["read_only"])
            assert writes(here) == {"read_only": 1}
            assert await here.cache.from_shared(KEY) is not None
            assert here.up
    finally:
        primary.kill()


async def test_killed_and_brought_back(server: RedisServer) -> None:
    async with replica(server.url) as here:
        here.cache.put(KEY, page())
        await stored(server, KEY)
        server.kill()
        assert await here.cache.from_shared(KEY) is None
        assert not here.up
        assert here.cache.from_memory(KEY) is not None
        here.cache.put(KEY, page("local"))  # nobody waits for it
        before = len(here.error_kinds)
        await until(lambda: len(here.error_kinds) > before + 3)  # it keeps trying
        assert set(here.error_kinds) == {"connection"}
        server.start()
        await until(lambda: here.up)
        here.cache.put(KEY, page())
        await stored(server, KEY)
        assert await here.cache.from_shared(KEY) is not None


async def test_restarted_between_two_calls_is_not_noticed(server: RedisServer) -> None:
    async with replica(server.url) as here:
        assert await here.cache.from_shared(KEY) is None
        server.kill()
        await asyncio.to_thread(server.start)  # and the loop sees the connection end
        assert await here.cache.from_shared(KEY) is None
        here.cache.put(KEY, page())
        await stored(server, KEY)
        assert here.error_kinds == []


async def test_not_there_at_the_start(server: RedisServer) -> None:
    server.kill()
    async with replica(server.url, up=False) as here:
        assert await here.cache.from_shared(KEY) is None
        await until(lambda: here.error_kinds)
        server.start()
        await until(lambda: here.up)


async def test_hung_costs_one_timeout_and_then_nothing(server: RedisServer) -> None:
    async with replica(server.url, patience=0.5) as here:
        here.cache.put(KEY, page())
        await stored(server, KEY)
        server.freeze()
        try:
            started = time.monotonic()
            assert await asyncio.gather(*(here.cache.from_shared(KEY) for _ in range(500))) == [None] * 500
            assert time.monotonic() - started < 5.0  # one after another would take minutes
            assert here.error_kinds == ["timeout"]  # one cause, one error
            assert not here.up
            assert await here.cache.from_shared(KEY) is None
            assert here.cache.from_memory(KEY) is not None
            await until(lambda: len(here.error_kinds) > 2)
            assert set(here.error_kinds) == {"timeout"}
        finally:
            server.thaw()
        await until(lambda: here.up)
        hit = await here.cache.from_shared(KEY)
        assert hit is not None
        assert hit.state is EntryState.FRESH


async def test_it_is_in_use_again_by_a_read_and_not_by_a_ping() -> None:
    """A server that is well and does not do its work would be tried by every request in turn."""
    reads = False

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for data in received(reader):
            writer.write(b"+PONG\r\n" * data.count(b"PING") + b"$0\r\n\r\n" * data.count(b"GETRANGE") * reads)

    fake = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with fake, replica(f"redis://127.0.0.1:{fake.sockets[0].getsockname()[1]}", up=False, patience=0.05) as here:
        await until(lambda: len(here.error_kinds) > 2)
        assert not here.up
        reads = True
        await until(lambda: here.up)
        assert await here.cache.from_shared(KEY) is None
        assert here.up


async def test_a_server_that_only_answers_when_it_is_tried_is_tried_less_and_less() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for data in received(reader):
            if b"PING" in data:
                writer.write(b"+PONG\r\n$0\r\n\r\n")

    fake = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with fake, replica(f"redis://127.0.0.1:{fake.sockets[0].getsockname()[1]}", patience=0.05) as here:
        pauses = []
        for _ in range(4):
            await until(lambda: here.up)
            await here.cache.from_shared(KEY)
            shared = here.cache._shared
            assert shared is not None
            pauses.append(shared._pause)
    assert pauses == sorted(pauses)
    assert pauses[-1] == 0.05  # `retry_last`


async def test_a_hung_write_takes_the_level_out_of_use(server: RedisServer) -> None:
    async with replica(server.url, patience=0.5) as here:
        server.freeze()
        try:
            here.cache.put(KEY, page())
            await until(lambda: not here.up)
            assert here.error_kinds[0] == "timeout"
        finally:
            server.thaw()


async def test_clients_that_leave_while_it_hangs_harm_no_other(server: RedisServer) -> None:
    keys = [f"https://example.com/{number}" for number in range(50)]
    async with replica(server.url, patience=5.0) as here:
        for key in keys:
            here.cache.put(key, page(key))
        await until(lambda: server.admin.dbsize() == len(keys))
        server.freeze()
        try:
            leaving = [asyncio.create_task(here.cache.from_shared(key)) for key in keys[:25]]
            await asyncio.sleep(0)
            staying = [asyncio.create_task(here.cache.from_shared(key)) for key in keys[25:]]
            await asyncio.sleep(0)
            for task in leaving:
                task.cancel()
            await asyncio.gather(*leaving, return_exceptions=True)
        finally:
            server.thaw()
        hits = await asyncio.gather(*staying)
        assert [title(hit) for hit in hits] == keys[25:]
        assert here.error_kinds == []


async def test_closing_while_it_hangs(server: RedisServer) -> None:
    server.freeze()
    try:
        async with replica(server.url, up=False, patience=0.5) as here:
            waiting = asyncio.create_task(here.cache.from_shared(KEY))
        assert await waiting is None
    finally:
        server.thaw()


async def test_closing_lets_those_go_who_wait(server: RedisServer) -> None:
    async with replica(server.url, patience=0.5) as here:
        server.freeze()
        leaving, *waiting = [
            asyncio.create_task(here.cache.from_shared(f"{KEY}{number}")) for number in range(100, 0, -1)
        ]
        await asyncio.sleep(0)
        waiting.pop().cancel()
        leaving.cancel()
    server.thaw()
    assert await asyncio.gather(*waiting) == [None] * 98


async def test_nothing_queues_without_bound(server: RedisServer) -> None:
    async with replica(server.url, backlog=2) as here:
        for number in range(5):
            here.cache.put(f"{KEY}{number}", page())
        assert here.error_kinds == ["backlog"] * 3
        here.events.clear()
        await asyncio.gather(*(here.cache.from_shared(f"{KEY}{number}") for number in range(100, 105)))
        assert here.error_kinds == ["backlog"] * 3
        assert here.up


@pytest.fixture
def locked(server: RedisServer, tmp_path: Path) -> Iterator[RedisServer]:
    """A server with a password and with a user who may do next to nothing."""
    locked = RedisServer(tmp_path, "--requirepass", "open sesame", "--user", "weak", "on", ">weak", "+ping", "~*")
    locked.start()
    yield locked
    locked.kill()


async def test_a_password(locked: RedisServer) -> None:
    address = f"127.0.0.1:{locked.port}/0"
    async with replica(f"redis://:open%20sesame@{address}") as here:
        here.cache.put(KEY, page())
    for url in (f"redis://{address}", f"redis://:wrong@{address}"):
        async with replica(url, up=False) as here:
            await until(here.tried)
            assert set(here.error_kinds) == {"auth"}
            assert not here.up
    async with replica(f"redis://weak:weak@{address}", up=False) as here:  # it may PING, and nothing else
        await until(here.tried)
        assert set(here.error_kinds) == {"auth"}
        assert not here.up


@pytest.fixture
def secured(server: RedisServer, tmp_path: Path) -> Iterator[RedisServer]:
    """A server that speaks TLS beside its plain port, with a certificate of its own making."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "1",
            ),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    plain = RedisServer(tmp_path)
    secured = RedisServer(
        tmp_path,
        *("--tls-port", str(plain.port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(certificate)),
    )
    secured.start()
    secured.secure_url = f"rediss://localhost:{plain.port}/0"
    yield secured
    secured.kill()


async def test_tls_is_verified(secured: RedisServer, tmp_path: Path) -> None:
    trusted = f"{secured.secure_url}?ssl_ca_certs={tmp_path / 'certificate.pem'}"
    async with replica(trusted) as here:
        here.cache.put(KEY, page())
        await stored(secured, KEY)
    for url in (secured.secure_url, trusted.replace("localhost", "127.0.0.1")):  # not trusted; not its name
        async with replica(url, up=False) as here:
            await until(here.tried)
            assert set(here.error_kinds) == {"connection"}


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b":x\r\n", b"$-7\r\n", b"*9999999\r\n", b"\xff\xfe", b""]
)
async def test_a_server_of_another_kind_is_never_in_use(answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()

    stranger = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = stranger.sockets[0].getsockname()[1]
    async with stranger, replica(f"redis://127.0.0.1:{port}/0", up=False) as here:
        await until(lambda: len(here.error_kinds) > 1)
        assert set(here.error_kinds) <= {"protocol", "connection", "timeout"}
        assert await here.cache.from_shared(KEY) is None
        assert not here.up
