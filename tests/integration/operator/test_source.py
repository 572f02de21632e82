"""Polls of a real Alertmanager, of a real Prometheus, and of servers that are neither."""

import asyncio
import subprocess
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from scrap_operator.decision import ScalingReason, decide
from scrap_operator.model import (
    Effect,
    Observation,
    Observations,
    PollFailed,
    PollResult,
    Reference,
    Rule,
    ScaleTarget,
    Source,
    SourceKind,
    Spec,
)
from scrap_operator.source import MAX_BYTES, MAX_MARKS, poll, poller
from tests.freezing import freeze, thaw
from tests.integration.operator.alertmanager import Alertmanager, binary, free_port
from tests.waiting import eventually

NOW = 1_800_000_000


def by_name(observation: Observation) -> dict[str, tuple[bool, bool]]:
    """(silenced, fresh) of each alert."""
    assert isinstance(observation, PollResult), observation
    return {alert.labels["alertname"]: (alert.silenced, alert.fresh) for alert in observation.alerts}


def problem(observation: Observation) -> str:
    assert isinstance(observation, PollFailed), observation
    return observation.problem


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    """Looks until it is so; an alert's life is some seconds, since the source's Date header has no parts of one."""
    for _ in range(60):
        if await look():
            return
        await asyncio.sleep(0.1)
    pytest.fail("not so within 6 s")


# Alertmanager, as it is.


@pytest.mark.servers
async def test_a_firing_alert(shared_alertmanager: Alertmanager, client: httpx2.AsyncClient) -> None:
    shared_alertmanager.send("Firing", namespace="shop")
    observation = await poll(client, Source(shared_alertmanager.url))
    assert by_name(observation)["Firing"] == (False, True)
    assert isinstance(observation, PollResult)
    alert = next(alert for alert in observation.alerts if alert.labels["alertname"] == "Firing")
    assert alert.labels == {"alertname": "Firing", "severity": "none", "namespace": "shop"}


@pytest.mark.servers
async def test_a_silenced_alert(shared_alertmanager: Alertmanager, client: httpx2.AsyncClient) -> None:
    shared_alertmanager.send("Silenced")
    shared_alertmanager.silence("Silenced")
    eventually(lambda: shared_alertmanager.state("Silenced")["silencedBy"])
    assert by_name(await poll(client, Source(shared_alertmanager.url)))["Silenced"] == (True, True)


@pytest.mark.servers
async def test_an_inhibited_alert_fires_all_the_same(
    shared_alertmanager: Alertmanager, client: httpx2.AsyncClient
) -> None:
    shared_alertmanager.send("Inhibitor", severity="critical")
    shared_alertmanager.send("Inhibited")
    eventually(lambda: shared_alertmanager.state("Inhibited")["inhibitedBy"])
    assert by_name(await poll(client, Source(shared_alertmanager.url)))["Inhibited"] == (False, True)


@pytest.mark.servers
async def test_a_resolved_alert_is_gone(shared_alertmanager: Alertmanager, client: httpx2.AsyncClient) -> None:
    shared_alertmanager.send("Resolved")
    assert "Resolved" in by_name(await poll(client, Source(shared_alertmanager.url)))
    shared_alertmanager.resolve("Resolved")
    assert "Resolved" not in by_name(await poll(client, Source(shared_alertmanager.url)))


@pytest.mark.servers
async def test_an_alert_that_its_sender_does_not_repeat_goes_stale_before_it_ends(
    shared_alertmanager: Alertmanager, client: httpx2.AsyncClient
) -> None:
    shared_alertmanager.send("Abandoned", ends_in=4)
    assert by_name(await poll(client, Source(shared_alertmanager.url)))["Abandoned"] == (False, True)

    async def stale() -> bool:
        return by_name(await poll(client, Source(shared_alertmanager.url)))["Abandoned"] == (False, False)

    await until(stale)


@pytest.mark.servers
async def test_only_alerts_that_matter_are_asked_for(
    shared_alertmanager: Alertmanager, client: httpx2.AsyncClient
) -> None:
    odd = 'a|b "c" \\ (d) ü.*'
    shared_alertmanager.send("Wanted", "Wanted2", odd)
    asked = Source(shared_alertmanager.url)
    assert by_name(await poll(client, asked, ("Wanted", odd))).keys() == {"Wanted", odd}
    assert by_name(await poll(client, asked, ("Wante", "a"))).keys() == set()
    assert by_name(await poll(client, asked)).keys() >= {"Wanted", "Wanted2", odd}


@pytest.mark.servers
async def test_a_restarted_alertmanager_has_forgotten_and_says_that_it_is_young(
    alertmanager: Alertmanager, client: httpx2.AsyncClient
) -> None:
    alertmanager.send("Watchdog", "Hold")

    async def old() -> bool:
        observation = await poll(client, Source(alertmanager.url))
        return isinstance(observation, PollResult) and observation.uptime >= 2

    await until(old)
    alertmanager.restart()
    alertmanager.send("Watchdog")  # Prometheus repeats this one first
    observation = await poll(client, Source(alertmanager.url))
    assert by_name(observation) == {"Watchdog": (False, True)}
    assert isinstance(observation, PollResult)
    assert observation.uptime < 2


@pytest.mark.servers
async def test_what_a_restarted_alertmanager_does_not_say_is_not_believed(
    alertmanager: Alertmanager, client: httpx2.AsyncClient
) -> None:
    spec = Spec(
        target=Reference("apps/v1", "Deployment", "scrap"),
        minimum=1,
        maximum=9,
        source=Source(alertmanager.url),
        rules=(
            Rule("saturated", {"alertname": "Saturated"}, Effect.SCALE_UP),
            Rule("hold", {"alertname": "Hold"}, Effect.HOLD),
        ),
    )
    calm = Observations(replicas=5, polled=NOW - 15, available_since=NOW - 3600)
    alertmanager.send("Watchdog", "Hold")
    held = decide(spec, ScaleTarget(5), await poll(client, spec.source), calm, NOW)
    alertmanager.restart()
    alertmanager.send("Watchdog")
    warm_up = decide(spec, ScaleTarget(5), await poll(client, spec.source), calm, NOW)
    alertmanager.send("Saturated")
    saturated = decide(spec, ScaleTarget(5), await poll(client, spec.source), calm, NOW)
    reasons = [held.reason, warm_up.reason, saturated.reason]
    assert reasons == [ScalingReason.WARMING_UP, ScalingReason.WARMING_UP, ScalingReason.SCALE_UP]


@pytest.mark.servers
async def test_an_alertmanager_that_is_gone(alertmanager: Alertmanager, client: httpx2.AsyncClient) -> None:
    await poll(client, Source(alertmanager.url))
    alertmanager.stop()
    assert problem(await poll(client, Source(alertmanager.url)))


@pytest.mark.servers
async def test_an_alertmanager_that_hangs(alertmanager: Alertmanager, client: httpx2.AsyncClient) -> None:
    freeze(alertmanager.process)
    try:
        assert problem(await poll(client, Source(alertmanager.url, timeout=1))) == "no response within 1 s"
    finally:
        thaw(alertmanager.process)
    assert isinstance(await poll(client, Source(alertmanager.url)), PollResult)


# Servers that are none.

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
DATE = b"Date: Mon, 23 Nov 2026 10:00:00 GMT\r\n"


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def answering(status: str, *bodies: bytes, headers: bytes = DATE) -> Handler:
    """Answers one request after the other with one body after the other, the last one again and again."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = list(bodies)
        while await reader.readuntil(b"\r\n\r\n"):
            body = left.pop(0) if len(left) > 1 else left[0]
            length = f"Content-Length: {len(body)}\r\n\r\n".encode()
            writer.write(b"HTTP/1.1 " + status.encode() + b"\r\n" + headers + length + body)
            await writer.drain()

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return quietly


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte now and then, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\n" + DATE + b"Content-Length: 1000000\r\n\r\n[")
    try:
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)
    except ConnectionError:
        writer.close()


async def shouting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Another protocol."""
    writer.write(b"220 mail.example ESMTP\r\n")
    writer.close()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """More than anyone wants."""
    writer.write(b"HTTP/1.1 200 OK\r\n" + DATE + b"Connection: close\r\n\r\n")
    try:
        for _ in range(MAX_BYTES // 65536 + 16):
            writer.write(b" " * 65536)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


ALERT = (
    b'[{"labels":{"alertname":"Watchdog"},"updatedAt":"2026-11-23T09:59:30Z","endsAt":"2026-11-23T10:03:30Z",'
    b'"status":{"silencedBy":[]}}]'
)
STARTED = b'{"uptime":"2026-11-23T09:59:00.5Z"}'
GARBAGE: dict[str, Handler] = {
    "a byte now and then": dripping,
    "no HTTP": shouting,
    "an error": answering("503 Service Unavailable", b"[]"),
    "a redirect": answering("302 Found", b"[]", headers=DATE + b"Location: /elsewhere\r\n"),
    "a web page": answering("200 OK", b"<!doctype html><title>Alertmanager</title>"),
    "not UTF-8": answering("200 OK", b"\xff\xfe\x00"),
    "no date": answering("200 OK", ALERT, headers=b""),
    "a bad date": answering("200 OK", ALERT, headers=b"Date: yesterday\r\n"),
    "nested without end": answering("200 OK", b"[" * 100_000),
    "millions of empty lists": answering("200 OK", b"[" + b"[]," * (MAX_BYTES // 3 - 1) + b"[]]"),
    "an object": answering("200 OK", b'{"alerts": []}'),
    "a number": answering("200 OK", b"7"),
    "null": answering("200 OK", b"null"),
    "strings for alerts": answering("200 OK", b'["Watchdog"]'),
    "labels that are numbers": answering("200 OK", ALERT.replace(b'"Watchdog"', b"7")),
    "labels that are a list": answering("200 OK", ALERT.replace(b'{"alertname":"Watchdog"}', b'["a"]')),
    "times that are none": answering("200 OK", ALERT.replace(b"2026-11-23T09:59:30Z", b"soon")),
    "times of no zone": answering("200 OK", ALERT.replace(b"2026-11-23T09:59:30Z", b"2026-11-23T09:59:30")),
    "a status of somebody else": answering("200 OK", ALERT, b'{"status":"success"}'),
    "more than anyone wants": endless,
}


@pytest.mark.parametrize("handler", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("kind", SourceKind)
async def test_garbage_is_no_observation(handler: Handler, kind: SourceKind, client: httpx2.AsyncClient) -> None:
    async with serving(handler) as url:
        assert problem(await poll(client, Source(url, kind, timeout=2 if handler is endless else 1)))


async def one_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The API's answers, each over a connection of its own."""
    body = ALERT if b"alerts" in await reader.readuntil(b"\r\n\r\n") else STARTED
    writer.write(b"HTTP/1.1 200 OK\r\n" + DATE + b"Connection: close\r\n\r\n" + body)
    writer.close()


async def test_alerts_and_start_of_two_connections_may_be_of_two_alertmanagers(client: httpx2.AsyncClient) -> None:
    async with serving(one_answer) as url:
        assert "closed the connection in the middle" in problem(await poll(client, Source(url)))


async def test_polls_at_the_same_time_do_not_take_each_others_connections() -> None:
    ask = poller()
    async with serving(answering("200 OK", ALERT, STARTED)) as url:
        seen = await asyncio.gather(*(ask(Source(url), ()) for _ in range(20)))
    assert {type(each) for each in seen} == {PollResult}


# As large as an answer may be, of what needs the most memory; an alert as stacks send them.
LARGE = {
    "empty lists": b"[" + b"[]," * (MAX_MARKS // 2 - 1) + b"[]]",
    "short strings": b"[" + b'"ab",' * (MAX_MARKS - 1) + b'"ab"]',
    "alerts": b"["
    + b",".join([ALERT[1:-2] + b',"annotations":{"description":"' + b"x" * 900 + b'"}}'] * (MAX_BYTES // 1200))
    + b"]",
}


@pytest.mark.parametrize("body", LARGE.values(), ids=LARGE)
async def test_what_an_answer_takes_is_bounded(body: bytes, client: httpx2.AsyncClient) -> None:
    async with serving(answering("200 OK", body, STARTED)) as url:
        tracemalloc.start()
        try:
            observation = await poll(client, Source(url))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 64 * 1024 * 1024  # the server in this process included
    assert isinstance(observation, PollResult) is (body is LARGE["alerts"])


async def test_a_url_that_is_none(client: httpx2.AsyncClient) -> None:
    assert problem(await poll(client, Source("http://[oops")))


async def test_a_well_formed_answer_is_one(client: httpx2.AsyncClient) -> None:
    async with serving(answering("200 OK", ALERT, STARTED)) as url:
        observation = await poll(client, Source(url))
    assert observation == PollResult(observation.alerts if isinstance(observation, PollResult) else (), uptime=59)
    assert by_name(observation) == {"Watchdog": (False, True)}


async def test_a_clock_that_was_set_back_makes_no_negative_age(client: httpx2.AsyncClient) -> None:
    async with serving(answering("200 OK", b"[]", b'{"uptime":"2026-11-23T11:00:00Z"}')) as url:
        assert await poll(client, Source(url)) == PollResult((), uptime=0)


# Prometheus, as it is.

RULES = """
groups:
  - name: test
    interval: 1s
    rules:
      - {alert: Watchdog, expr: vector(1), labels: {severity: none}}
      - {alert: Pending, expr: vector(1), for: 1h}
      - {alert: Quiet, expr: vector(1) > 2}
"""


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[str]:
    """A real one, with a heartbeat."""
    program = binary("prometheus")
    if program is None:
        pytest.skip("no prometheus on PATH or in the cluster's tools: ../shared/cluster/setup tools builds it")
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "config.yml").write_text("rule_files: [rules.yml]")
    port = free_port()
    arguments = [
        f"--config.file={tmp_path / 'config.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with subprocess.Popen([program, *arguments]) as process:
        yield f"http://127.0.0.1:{port}"
        process.kill()


@pytest.mark.servers
async def test_prometheus_own_alerts(prometheus: str, client: httpx2.AsyncClient) -> None:
    asked = Source(prometheus, SourceKind.PROMETHEUS)

    async def beats() -> bool:
        observation = await poll(client, asked)
        return isinstance(observation, PollResult) and bool(observation.alerts)

    await until(beats)
    observation = await poll(client, asked)
    assert by_name(observation) == {"Watchdog": (False, True)}
    assert isinstance(observation, PollResult)
    assert 0 <= observation.uptime < 60
