"""The whole operator in this process: kopf, the loops and the web, over loopback sockets."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web

from scrap_operator import app
from scrap_operator.telemetry import OperatorMetrics
from scrap_operator.web import serving
from tests.integration.operator.alertmanager import free_port
from tests.unit.operator.api import SCALERS, FakeApi, Json, alert_scaler


def resource(name: str, kind: str) -> Json:
    """As discovery lists it."""
    verbs = ["get", "list", "patch", "watch"]
    return {"name": name, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": verbs}


def group(name: str, version: str) -> Json:
    """As discovery lists it."""
    versions = [{"version": version}]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


# What kopf looks for before it watches anything.
DISCOVERY = {
    "/api": {"versions": ["v1"]},
    "/apis": {"groups": [group("scaling.scrap.dev", "v1alpha1"), group("apiextensions.k8s.io", "v1")]},
    "/api/v1": {"resources": [resource("namespaces", "Namespace"), resource("events", "Event")]},
    "/apis/apiextensions.k8s.io/v1": {"resources": [resource("customresourcedefinitions", "CustomResourceDefinition")]},
}
WATCHDOG = {
    "labels": {"alertname": "Watchdog"},
    "status": {"silencedBy": []},
    "updatedAt": "2020-01-01T00:00:00Z",
    "endsAt": "2999-01-01T00:00:00Z",
}


class KubeServer:
    """An API server and an Alertmanager on one port; what happens to AlertScalers is put into `watched`."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self.served = False
        self.away = False
        self.watched: asyncio.Queue[Json | None] = asyncio.Queue()
        self.watches: list[str] = []  # the resourceVersion that each began at

    async def serve(self, started: threading.Event) -> None:
        """Until `end`."""
        self.loop, self.ended = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()
        await self.ended.wait()
        await runner.cleanup()

    def end(self) -> None:
        """From another thread."""
        self.loop.call_soon_threadsafe(self.ended.set)

    def happens(self, kind: str, body: Json) -> None:
        """The watch gets it."""
        self._put({"type": kind, "object": body})

    def ends_the_watch(self) -> None:
        """As an API server does after the time that it was asked for."""
        self._put(None)

    def _put(self, event: Json | None) -> None:
        self.loop.call_soon_threadsafe(self.watched.put_nowait, event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.away:
            return web.json_response({"message": "etcd is away"}, status=503)
        match request.path:
            case "/api/v2/alerts":
                return web.json_response([WATCHDOG])
            case "/api/v2/status":
                return web.json_response({"uptime": "2020-01-01T00:00:00Z"})
            case path if path in DISCOVERY:
                return web.json_response(DISCOVERY[path])
            case "/apis/scaling.scrap.dev/v1alpha1":
                resources = [resource("alertscalers", "AlertScaler")] if self.served else []
                return web.json_response({"resources": resources})
            case path if path == SCALERS and "watch" in request.query:
                return await self.watch(request)
        status, answer = self.api.answer(request.method, request.path, await self.body(request))
        return web.json_response({"metadata": {"resourceVersion": "1"}} | answer, status=status)

    async def watch(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        self.watches.append(request.query.get("resourceVersion", ""))
        while event := await self.watched.get():
            await stream.write(json.dumps(event).encode() + b"\n")
        return stream

    async def body(self, request: web.Request) -> Any:
        return json.loads(await request.read() or b"null")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubeServer]:
    """In a thread: kopf ends what runs in its own loop."""
    made = KubeServer(FakeApi())
    started = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(made.serve(started)))
    thread.start()
    assert started.wait(5)
    source = {"url": made.url, "interval": "1s", "timeout": "1s", "settle": "2s"}
    made.api.scalers["scrap"] = alert_scaler(source=source, minReplicas=4)
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "shop"}}],
        "clusters": [{"name": "here", "cluster": {"server": made.url}}],
        "users": [{"name": "me", "user": {"token": "token"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    yield made
    made.end()
    thread.join()


@asynccontextmanager
async def running(port: int) -> AsyncIterator[asyncio.Task[None]]:
    """The operator, until it has ended by the signal that the kubelet sends."""
    task = asyncio.create_task(app.run(app.OperatorSettings(host="127.0.0.1", port=port, crd_wait=0.05)))
    try:
        yield task
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5):
            await task


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(200):
        if await look():
            return
        await asyncio.sleep(0.05)
    pytest.fail("not so within 10 s")


async def test_from_the_crd_to_the_signal_that_ends_it(server: KubeServer, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()

    async def waits() -> bool:
        return "is the CRD installed?" in caplog.text

    async def clamped() -> bool:
        return server.api.replicas == 4

    async def forgotten() -> bool:
        metrics = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        return "scrap_operator_loop_age_seconds" in metrics and 'alertscaler="scrap"' not in metrics

    async with httpx2.AsyncClient() as client, running(port):
        await until(waits)
        server.served = True
        await until(clamped)
        gone = server.api.scalers["scrap"]
        server.happens("DELETED", gone)
        await until(forgotten)
        server.api.replicas = 1
        server.happens("ADDED", gone)
        await until(clamped)
    assert server.api.scalers["scrap"]["metadata"].keys() == alert_scaler()["metadata"].keys()  # no finalizer, no note


async def test_an_api_server_that_is_away_is_waited_for(server: KubeServer, caplog: pytest.LogCaptureFixture) -> None:
    server.served = server.away = True

    async def waits() -> bool:
        return "503 etcd is away" in caplog.text

    async def clamped() -> bool:
        return server.api.replicas == 4

    async with running(free_port()):
        await until(waits)
        server.away = False
        await until(clamped)


# Watches that end, and hang.


def another(server: KubeServer) -> Json:
    """An AlertScaler that is there, though no watch has reported it."""
    late = alert_scaler("late", target="elsewhere", source=server.api.scalers["scrap"]["spec"]["source"])
    server.api.scalers["late"] = late
    return late


async def until_served(port: int, name: str) -> None:
    async def served() -> bool:
        return f'alertscaler="{name}"' in (await client.get(f"http://127.0.0.1:{port}/metrics")).text

    async with httpx2.AsyncClient() as client:
        await until(served)


async def watches(server: KubeServer, count: int) -> None:
    async def begun() -> bool:
        return len(server.watches) >= count

    await until(begun)


async def test_a_watch_that_the_server_ends_is_begun_anew(server: KubeServer) -> None:
    server.served = True
    port = free_port()
    async with running(port):
        await watches(server, 1)
        server.ends_the_watch()
        await watches(server, 2)
        server.happens("ADDED", another(server))
        await until_served(port, "late")


async def test_what_a_watch_missed_is_listed(server: KubeServer) -> None:
    server.served = True
    port = free_port()

    async def edited() -> bool:
        return server.api.replicas == 6

    async with running(port):
        await watches(server, 1)
        server.away = True
        server.happens("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"})
        server.api.scalers["scrap"]["spec"]["minReplicas"] = 6
        server.api.scalers["scrap"]["metadata"]["generation"] = 2
        another(server)
        server.away = False
        await until(edited)
        await until_served(port, "late")


async def test_a_watch_that_hangs_delays_no_edit_and_is_given_up(
    server: KubeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.served = True
    port = free_port()
    impatient = app._kopf_settings()
    impatient.watching.client_timeout = 2
    monkeypatch.setattr(app, "_kopf_settings", lambda: impatient)

    async def edited() -> bool:
        return server.api.replicas == 6

    async with running(port):
        await watches(server, 1)
        server.api.scalers["scrap"]["spec"]["minReplicas"] = 6  # which the watch never reports
        await until(edited)
        await watches(server, 2)


# The end before there is anything to end.


def test_a_signal_before_the_crd_is_there_ends_it(server: KubeServer) -> None:
    command = [sys.executable, "-m", "scrap_operator", "run", "--host=127.0.0.1", "--port=0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert "is the CRD installed?" in process.stderr.readline()
        process.terminate()
        assert process.wait(4) == 0  # it looks for the CRD every 5 s
        assert process.stderr.read() == ""


# The web.


@pytest.mark.parametrize(("late", "status"), [(-5.0, 200), (180.0, 200), (180.1, 503)])
async def test_healthz_fails_when_a_loop_is_late(late: float, status: int) -> None:
    async with (
        serving("127.0.0.1", 0, OperatorMetrics(lambda: 0.0), lambda: late, 180.0) as port,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (status, {"late_seconds": max(0.0, late)})


async def test_metrics_are_prometheus() -> None:
    async with (
        serving("127.0.0.1", 0, OperatorMetrics(lambda: 7.0), lambda: 0.0, 180.0) as port,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        answer = await client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "scrap_operator_loop_age_seconds 7.0" in answer.text
