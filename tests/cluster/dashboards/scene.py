"""Something to look at: the service and its operator on a cluster, a web that does all a web does, and clients.

`python -m tests.cluster.dashboards.scene 900` makes it, has it called for 900 seconds, and leaves it there: for the
pictures in docs/dashboards.md. The web hangs for a while in it, and there is a rollout.
"""

import asyncio
import contextlib
import itertools
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from tests.cluster.clusters import Namespace, Object, may_scrape, run, start_web

NAME = "shop"

# What a page's path says is what it does.
WEB = """
import time

GRAPH = '<!doctype html><html><head><meta property="og:title" content="A page"></head><body>%s</body></html>'
PAGES = {"graph": GRAPH % ("text " * 4000), "none": "<!doctype html><title>Nothing</title>"}

def answer(path):
    kind = path.split("/")[1]
    time.sleep({"slow": 0.7, "late": 2.4, "hangs": 20}.get(kind, 0.002))
    status = {"moved": 302, "gone": 404, "broken": 500}.get(kind, 200)
    fields = {"Location": path.replace("moved", "graph")} if status == 302 else {}
    return status, fields, PAGES["none" if kind == "none" else "graph"].encode() if status == 200 else b""
"""

# Of forty calls: most for a few pages that everybody wants, the others for something new each.
MIX = (
    *["popular"] * 14,
    *["graph"] * 12,
    *["none"] * 2,
    *["moved"] * 2,
    *["slow"] * 4,
    *["gone"] * 2,
    "broken",
    "hangs",
    "inside",
    "nonsense",
)


# The same while the web hangs: calls wait for it, and fill the service.
HANGING = tuple("hangs" if kind in {"graph", "slow"} else kind for kind in MIX)


def values(namespace: Namespace) -> Object:
    """A service with few slots, so that few calls fill it, and the operator beside it.

    What is usual is evaluated every 5 minutes by default, so its first value may come later than the test waits.
    """
    return {
        "replicaCount": 1,
        "preStopSeconds": 1,
        "config": {**may_scrape(namespace), "deadline": 3, "maxFetches": 8, "maxWaiting": 8, "shutdown": 5},
        "podDisruptionBudget": {"enabled": False},
        "operator": {"enabled": True, "alertScaler": {"minReplicas": 2, "maxReplicas": 4}},
        "monitoring": {"prometheusRule": {"usual": {"every": "15s"}}},
    }


def page(kind: str, number: int, namespace: str) -> str:
    """What to ask the service for."""
    host = f"http://web.{namespace}.svc"
    match kind:
        case "popular":
            return f"{host}/graph/popular/{number % 7}"
        case "inside":
            return "http://127.0.0.1/"
        case "nonsense":
            return "no-url-at-all"
        case _:
            return f"{host}/{kind}/{number}"


class DashboardLoad:
    """Calls at a steady rate, on a connection each; what is answered is for the dashboards to say.

    Attributes:
        rate: calls a second.
        mix: what they ask for, in turn.
        made: how many there were.
        answered: how many of them were answered.
    """

    def __init__(self, address: str, namespace: str, rate: float) -> None:
        self.mix = MIX
        self.made = self.answered = 0
        self.rate = rate
        self._address = address
        self._namespace = namespace
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Ends them."""
        self._stopped.set()

    def work(self) -> None:
        """Calls until `stop`."""
        asyncio.run(self._work())

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as calls:
            for number in itertools.count():
                if self._stopped.is_set():
                    return
                calls.create_task(self._call(page(self.mix[number % len(self.mix)], number, self._namespace)))
                await asyncio.sleep(1 / self.rate)

    async def _call(self, target: str) -> None:
        request = f"GET /api/v1/scrap?url={quote(target, safe='')} HTTP/1.1\r\nHost: scrap\r\nConnection: close\r\n\r\n"
        self.made += 1
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection(self._address, 80)
                try:
                    writer.write(request.encode())
                    self.answered += bool(await reader.read())
                finally:
                    writer.close()


@contextmanager
def called(namespace: Namespace, rate: float = 15) -> Iterator[DashboardLoad]:
    """Has the service called within the block."""
    load = DashboardLoad(namespace.address(), namespace.name, rate)
    worker = threading.Thread(target=load.work)
    worker.start()
    try:
        yield load
    finally:
        load.stop()
        worker.join()


def prometheus() -> str:
    """The URL of the stack's Prometheus."""
    address = run(
        "kubectl",
        "--namespace",
        "monitoring",
        "get",
        "service",
        "kube-prometheus-stack-prometheus",
        "-o",
        "jsonpath={.spec.clusterIP}",
    )
    return f"http://{address}:9090"


def main() -> None:
    """Makes the scene and has it called for as many seconds as the argument says."""
    seconds = float(sys.argv[1])
    namespace = Namespace(NAME)
    namespace.create()
    start_web(namespace, WEB)
    namespace.install(values(namespace))
    with called(namespace) as load:
        time.sleep(seconds * 0.2)
        load.mix = HANGING
        time.sleep(seconds * 0.35)
        load.mix = MIX
        time.sleep(seconds * 0.2)
        namespace.upgrade({**values(namespace), "podAnnotations": {"rollout": "2"}})
        time.sleep(seconds * 0.25)
    print(prometheus())


if __name__ == "__main__":
    main()
