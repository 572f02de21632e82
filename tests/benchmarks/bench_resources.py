"""What a pod needs: memory and CPU at rest, with responses from the cache, and with every slot taken by a large page.

python -m tests.benchmarks.bench_resources [seconds]

Each line is a process of its own, with the settings of the chart. A page of 60 KiB fits into the memory of its slot,
so all slots are taken; of those of 1 MiB only as many as the shared memory budget allows. All of a page is read, and
its last part comes 7 s after the rest: calls come faster than slots become free. docs/install.md has the figures.
"""

import asyncio
import os
import sys
from dataclasses import dataclass
from itertools import count

from tests import client
from tests.benchmarks import web
from tests.benchmarks.load import Running, running
from tests.benchmarks.openloop import LoadGenerator, LoadResult
from tests.exposition import Exposition

HOSTS = 32  # so that no host's own bound is met
SETTINGS = {
    "SCRAP_PORT": "0",
    "SCRAP_MANAGEMENT_PORT": "0",
    "SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8",
    "SCRAP_ALLOWED_PORTS": "1-65535",
    "SCRAP_LINGER": "0",
}


@dataclass(frozen=True)
class ResourceScene:
    """One line of the table.

    Attributes:
        name: what happens.
        rate: calls a second.
        path: the page's path; {} is a number that was not there before.
    """

    name: str
    rate: float = 0
    path: str = ""


SCENES = (
    ResourceScene("started, nothing to do"),
    ResourceScene("300 calls a second, all from the cache", 300, "/page/1"),
    ResourceScene("100 calls a second, each a new page", 100, "/page/{}"),
    *(
        ResourceScene(f"pages that hang, {word}", 50, f"/{word}/{{}}?ms=7000")
        for word in (*(f"{coding}_60k" for coding in web.CODINGS), *web.CODINGS, "tree")
    ),
)


async def slots(service: Running, most: list[float]) -> None:
    """Notes the most slots that are taken at once."""
    while True:
        figures = await asyncio.to_thread(client.request, service.management, "/metrics")
        most[0] = max(most[0], Exposition(figures.body.decode()).value("scrap_admission_in_flight"))
        await asyncio.sleep(0.3)


async def measure(scene: ResourceScene, port: int, seconds: float) -> str:
    """Runs a scene; gives its line."""
    numbers, most = count(), [0.0]
    result = LoadResult()
    with running([sys.executable, "-m", "scrap", "serve"], os.environ | SETTINGS) as service:
        started = service.cpu()
        if scene.rate:

            def target() -> str:
                number = next(numbers) if "{}" in scene.path else 0
                return f"/api/v1/scrap?url={web.url(port, scene.path.format(number), number % HOSTS)}"

            watch = asyncio.ensure_future(slots(service, most))
            result = await LoadGenerator(service.url, target, connections=1000).at(scene.rate, seconds)
            watch.cancel()
        else:
            await asyncio.sleep(seconds)
        used = service.cpu() - started
        answered = sum(map(len, result.times.values()))
        each = f"{1000 * used / answered:.2f} ms" if answered else f"{1000 * used / seconds:.0f} ms/s"
        return (
            f"{scene.name:52}{service.rss():>7.0f}{service.rss('VmHWM'):>7.0f}{most[0]:>8.0f}{each:>12}"
            f"{result.count():>8}{result.count(503):>7}{result.lost:>6}"
        )


async def main(seconds: float = 15) -> None:
    """Prints the table."""
    command = [sys.executable, "-m", "tests.benchmarks.web", str(HOSTS)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    port = int(await process.stdout.readline())
    heads = f"{'now':>7}{'most':>7}{'places':>8}{'CPU a call':>12}{'200':>8}{'503':>7}{'lost':>6}"
    print(f"{'MiB of memory':52}{heads}")
    try:
        for scene in SCENES:
            print(await measure(scene, port, seconds), flush=True)
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(main(*(float(argument) for argument in sys.argv[1:])))
