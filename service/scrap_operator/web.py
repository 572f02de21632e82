"""/healthz for the kubelet and /metrics for Prometheus."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from scrap_operator.telemetry import CONTENT_TYPE, OperatorMetrics


@asynccontextmanager
async def serving(
    host: str, port: int, metrics: OperatorMetrics, lateness: Callable[[], float], patience: float
) -> AsyncIterator[int]:
    """Serves them for as long as the context lasts.

    Args:
        port: the one to listen on; 0 for any.
        lateness: seconds by which a loop has missed its tick.
        patience: seconds of it until /healthz fails, and the kubelet restarts the process.

    Yields:
        the port.
    """

    async def healthz(request: web.Request) -> web.Response:
        late = lateness()
        body = {"late_seconds": round(max(0.0, late), 3)}
        return web.json_response(body, status=503 if late > patience else 200)

    async def render(request: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/metrics", render)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
