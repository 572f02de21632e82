"""Puts the operator together: kopf watches, the loops decide, the web serves health and metrics."""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import kopf

from scrap_operator import kube, source
from scrap_operator.loop import Loops, Scaler
from scrap_operator.manifest import GROUP, PLURAL, VERSION, is_served
from scrap_operator.model import Labels
from scrap_operator.telemetry import OperatorMetrics
from scrap_operator.web import serving

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """The settings of a process.

    Attributes:
        namespace: the one whose AlertScalers are served; None: the one that the process runs in.
        selector: labels that an AlertScaler must carry to be served; none: all of the namespace are.
        host: the address to serve /healthz and /metrics on.
        port: its port.
        patience: seconds by which a loop may miss its tick until /healthz fails. A tick that meets a hanging API
            server takes up to two minutes: less restarts a process that has nothing wrong with it.
        crd_wait: seconds between two look-ups of the CRD, while it is not there.
    """

    namespace: str | None = None
    selector: Labels = field(default_factory=dict)
    host: str = "0.0.0.0"  # noqa: S104 - the kubelet and Prometheus use the pod's address
    port: int = 8080
    patience: float = 180.0
    crd_wait: float = 5.0


async def run(settings: OperatorSettings) -> None:
    """Runs until SIGTERM or SIGINT.

    Raises:
        asyncio.CancelledError: SIGTERM came before there was anything to end.
        kube.KubeError: there are no credentials.
    """
    login = kube.log_in()
    namespace = settings.namespace or login.default_namespace or "default"
    _end_on_sigterm()
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(kube.new_client(login))
        cluster = kube.Kube(api, namespace)
        poll = source.poller()
        loops = Loops(lambda name: Scaler(name, cluster, poll, metrics, time.time, settings.selector))
        metrics = OperatorMetrics(loops.age)
        await stack.enter_async_context(
            serving(settings.host, settings.port, metrics, loops.lateness, settings.patience)
        )
        stack.push_async_callback(loops.stop)
        await _until_served(cluster, settings.crd_wait)  # kopf looks for it once and never again
        _log.info("watching the AlertScalers of namespace %s", namespace)
        await kopf.operator(
            registry=_registry(loops, settings.selector, stack.aclose),
            settings=_kopf_settings(),
            standalone=True,
            namespaces=[namespace],
        )


def _end_on_sigterm() -> None:
    """Until kopf has a handler of its own: the first process of a pod ignores signals without one."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine is run by one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


async def _until_served(cluster: kube.Kube, wait: float) -> None:
    while True:
        try:
            if await cluster.served():
                return
            _log.warning("the API server has no %s.%s yet: is the CRD installed?", PLURAL, GROUP)
        except kube.KubeError as error:
            _log.warning("%s", error)
        await asyncio.sleep(wait)


def _registry(loops: Loops, selector: Labels, close: Callable[[], Awaitable[None]]) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    # Neither a timer, nor a daemon, nor a delete handler: each would put a finalizer on the object.
    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def changed(type: str | None, name: str, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's name
        if type == "DELETED" or not is_served(body, selector):
            loops.gone(name)
        else:
            loops.seen(name, int(body["metadata"]["generation"]))

    @kopf.on.cleanup(registry=registry)
    async def stop(**_: Any) -> None:  # kopf would wait for five seconds for each task that it did not make
        await close()

    @kopf.on.login(registry=registry)
    def log_in(**_: Any) -> kopf.ConnectionInfo:
        return kube.log_in()

    return registry


def _kopf_settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True  # it would need to list the cluster's CRDs and namespaces
    settings.posting.enabled = False  # the operator posts its own events
    settings.queueing.idle_timeout = 1  # both are waited for at the end, for handlers that do nothing for long
    settings.queueing.exit_timeout = 1
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 301
    settings.watching.connect_timeout = 10
    settings.networking.error_backoffs = (1, 1, 2, 3, 5)  # a watch returns at most 5 s after the API server
    return settings
