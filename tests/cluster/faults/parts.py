"""Parts of the cluster that go: kube-proxy, a kubelet, the free entries of a node's connection tracking table."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.clusters import nodes, run
from tests.cluster.faults.breaking import Words
from tests.cluster.faults.scene import Scene
from tests.cluster.providers.choice import provider
from tests.cluster.providers.shared import SharedCluster


@contextmanager
def without(part: str, seconds: int) -> Iterator[Words]:
    """A part is killed, and is back after so many seconds.

    Raises:
        CannotError: this cluster gives its parts other names.
    """
    if provider().name != SharedCluster.name:
        provider().cannot(f"{part} has another name here")
    thread = threading.Thread(target=provider().restart, args=(part, seconds))
    thread.start()
    try:
        yield {"NODE": nodes()[-1]}
    finally:
        thread.join()


@contextmanager
def kube_proxy_gone(_: Scene) -> Iterator[Words]:
    """The first node's, which clients, the web and monitoring are on."""
    with without("kube-proxy-1", 45) as words:
        yield words


@contextmanager
def kubelet_gone(_: Scene) -> Iterator[Words]:
    """The last node's, with one of the two pods, which runs on."""
    with without("kubelet-2", 75) as words:
        yield words
    run("kubectl", "wait", "--for", "condition=Ready", f"node/{nodes()[-1]}", "--timeout=120s")


CONNECTION = (
    "-I -t 300 -s 198.18.{net}.1 -d 198.19.0.1 -p tcp --sport {port} --dport 9 --state ESTABLISHED"
    " -u ASSURED,SEEN_REPLY\n"
)
LIMIT = "/proc/sys/net/netfilter/nf_conntrack_max"


@contextmanager
def conntrack_nearly_full(_: Scene) -> Iterator[Words]:
    """Connections of addresses that nobody has fill 90 % of the first node's table.

    A full one would drop the packets of the run itself, on their way to Prometheus.
    """
    shell = provider().shell(nodes()[0])
    count = int(0.9 * int(run(*shell, "cat", LIMIT)))
    many = "".join(CONNECTION.format(net=number // 65000, port=1 + number % 65000) for number in range(count))
    subprocess.run([*shell, "conntrack", "-R", "/dev/stdin"], input=many.encode(), check=True, capture_output=True)
    try:
        yield {"NODE": nodes()[0]}
    finally:
        delete = ("conntrack", "-D", "-p", "tcp", "-d", "198.19.0.1")
        subprocess.run([*shell, *delete], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
