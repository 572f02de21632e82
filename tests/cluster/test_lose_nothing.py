"""No request is lost, whatever happens to the pods, while a load runs that tries nothing twice.

The load calls the Service's cluster address, as a pod beside it would, over connections that it keeps.
"""

import json
import time
from collections.abc import Iterator

import pytest

from tests.cluster.clusters import Namespace, Object, call, may_scrape, run, start_origin, until
from tests.cluster.load import Seen, load

AT_LEAST = 20_000  # requests, over all that is done to the pods
TOTAL = Seen()


@pytest.fixture(scope="module")
def service(namespace: Namespace) -> Iterator[Namespace]:
    """A service of three pods, and a web for it."""
    start_origin(namespace)
    namespace.install(values(namespace))
    yield namespace
    namespace.helm("uninstall", "scrap", "--wait")


@pytest.fixture
def three_pods(service: Namespace) -> None:
    """Three pods, before the load comes: it calls all of them."""
    service.kubectl("scale", "deployment/scrap", "--replicas=3")
    service.kubectl("rollout", "status", "deployment/scrap", "--timeout=60s")
    until("no pod is on its way out", lambda: len(service.pods()) == 3)


def targets(namespace: Namespace) -> list[str]:
    """What the clients ask for, each something of its own."""
    return [call(f"http://origin.{namespace.name}.svc/{page}") for page in range(24)]


@pytest.fixture
def seen(service: Namespace) -> Iterator[Seen]:
    """What the load saw while a test ran; none of it may be lost."""
    with load(service.address(), 80, targets(service)) as found:
        until("the load is under way", lambda: found.answered > 400)
        yield found
        gone = lambda: all("deletionTimestamp" not in pod["metadata"] for pod in service.pods())  # noqa: E731
        until("every pod that goes is gone", gone, 90)
        time.sleep(1)
    print(
        f"{found.answered} answered over {found.connections} connections, slowest {found.slowest:.3f} s; {found.lost}"
    )
    TOTAL.answered += found.answered
    TOTAL.lost += found.lost
    assert dict(found.lost) == {}


def values(namespace: Namespace, **config: object) -> Object:
    """The values of the release; a setting that changes rolls the pods.

    A page has more time than it would have elsewhere: on a busy machine a slow web is none of the pods' doing.
    """
    patience = {"deadline": 16, "connectSeconds": 12, "firstByteSeconds": 12}
    return {"replicaCount": 3, "config": {**may_scrape(namespace), **patience, **config}}


def names(namespace: Namespace) -> set[str]:
    """The pods that are to stay."""
    return {pod["metadata"]["name"] for pod in namespace.pods() if "deletionTimestamp" not in pod["metadata"]}


def test_upgrade(service: Namespace, seen: Seen) -> None:
    before = names(service)
    service.upgrade(values(service, maxRedirects=4))
    assert not before & names(service), "a changed setting rolls every pod"


def test_rollback(service: Namespace, seen: Seen) -> None:
    service.helm("rollback", "scrap", "1", "--wait", "--timeout", "180s")
    assert json.loads(service.helm("get", "values", "scrap", "-o", "json"))["config"].get("maxRedirects") is None


def test_a_pod_is_deleted(service: Namespace, seen: Seen) -> None:
    service.kubectl("delete", "pod", min(names(service)), "--wait=true")
    service.kubectl("rollout", "status", "deployment/scrap", "--timeout=60s")


def test_three_pods_become_one(service: Namespace, seen: Seen) -> None:
    service.kubectl("scale", "deployment/scrap", "--replicas=1")
    until("one pod is left", lambda: len(names(service)) == 1)
    time.sleep(2)


def test_a_node_is_drained(service: Namespace, three_pods: None, seen: Seen) -> None:
    nodes = {pod["spec"]["nodeName"] for pod in service.pods()}
    assert nodes == {"node-1", "node-2"}, "they spread"
    try:
        run("kubectl", "drain", "node-2", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=120s")
        service.kubectl("rollout", "status", "deployment/scrap", "--timeout=60s")
        assert {pod["spec"]["nodeName"] for pod in service.pods()} == {"node-1"}
    finally:
        run("kubectl", "uncordon", "node-2")


def test_the_load_notices_a_process_that_ends_unannounced(service: Namespace, three_pods: None) -> None:
    """What the tests above hold the service to can fail: nobody has told the nodes that this one goes."""
    with load(service.address(), 80, targets(service)) as found:
        until("the load is under way", lambda: found.answered > 400)
        service.kubectl("exec", min(names(service)), "--", "python", "-c", "import os; os.kill(1, 15)")
        until("a request is lost", lambda: found.lost.total() > 0, 40)
    service.kubectl("rollout", "status", "deployment/scrap", "--timeout=60s")


def test_it_was_a_load() -> None:
    """Last: what the tests before have seen together."""
    print(f"{TOTAL.answered} answered, {TOTAL.lost.total()} lost")
    assert TOTAL.answered >= AT_LEAST
