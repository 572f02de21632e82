"""No request is lost, whatever happens to the pods, while a load runs that tries nothing twice.

The load calls the Service's cluster address, as a pod beside it would, over connections that it keeps. A third are
pages that nobody asked for before, and some of these are slow: whatever pod goes has fetches under way.
"""

import itertools
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.chart.rendering import CHART, ROOT
from tests.cluster.clusters import Namespace, Object, call, may_scrape, nodes, run, start_web, until
from tests.cluster.load import Seen, load
from tests.cluster.providers.choice import provider
from tests.cluster.providers.provider import CannotError

pytestmark = pytest.mark.usefixtures("inside")

AT_LEAST = 20_000  # requests while the release changes and changes back, half of them each
CLIENTS = 48
UPGRADE = ("--reset-then-reuse-values", "--wait", "--timeout", "180s")
CRD = "charts/crds/crds/alertscalers.yaml"
REVISION = "scaling.scrap.dev/revision"
NEW = itertools.count()  # numbers of pages

# It answers `?seconds=0.5` that much later.
WEB = """
import time
import urllib.parse

PAGE = b'<!doctype html><html><head><meta property="og:title" content="In the cluster"></head></html>'

def answer(path):
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
    time.sleep(float(query.get("seconds", ["0"])[0]))
    return 200, {}, PAGE
"""


@pytest.fixture(scope="module")
def service(namespace: Namespace) -> Namespace:
    """A service of three pods, and a web for it."""
    start_web(namespace, WEB)
    namespace.install(values(namespace))
    return namespace


@pytest.fixture
def three_pods(service: Namespace) -> None:
    """Three pods, before the load comes: it calls all of them."""
    service.kubectl("scale", "deployment/scrap", "--replicas=3")
    service.kubectl("rollout", "status", "deployment/scrap", "--timeout=60s")
    until("no pod is on its way out", lambda: len(service.pods()) == 3)


def pages(web: str, client: int) -> Iterator[str]:
    """What a client asks for: twice its own page, which is cached, then a new one; one in six of these is slow."""
    chance = random.Random(client)  # noqa: S311 - the same order every time
    while True:
        yield call(f"{web}/{client}")
        yield call(f"{web}/{client}")
        seconds = chance.uniform(0.3, 2) if chance.random() < 1 / 6 else 0
        yield call(f"{web}/new/{next(NEW)}?seconds={seconds:.1f}")


def targets(namespace: Namespace) -> list[Iterator[str]]:
    """What the clients ask for, at the web's address: a busy machine's name server is none of the pods' doing."""
    web = f"http://{namespace.address('web')}"
    return [pages(web, client) for client in range(CLIENTS)]


@pytest.fixture
def at_least(request: pytest.FixtureRequest) -> int:
    """How many requests have to be answered while a test runs."""
    return getattr(request, "param", 2000)


@pytest.fixture
def seen(service: Namespace, at_least: int) -> Iterator[Seen]:
    """What the load saw while a test ran; none of it may be lost."""
    with load(service.address(), 80, targets(service)) as found:
        until("the load is under way", lambda: found.answered > 400)
        yield found
        until("every pod that goes is gone", lambda: none_goes(service), 90)
        until("it was a load", lambda: found.answered + found.lost.total() >= at_least, 120)
    print(
        f"{found.answered} answered over {found.connections} connections, slowest {found.slowest:.3f} s; {found.lost}"
    )
    assert dict(found.lost) == {}
    assert found.answered >= at_least


def values(namespace: Namespace, **config: object) -> Object:
    """The values of the release; a setting that changes rolls the pods.

    A page has more time than it would have elsewhere: on a busy machine a slow web is none of the pods' doing.
    """
    patience = {"deadline": 16, "connectSeconds": 12, "firstByteSeconds": 12, "maxPerHost": 64, "maxWait": 2}
    return {"replicaCount": 3, "config": {**may_scrape(namespace), **patience, **config}}


def settings(namespace: Namespace) -> Object:
    """The release's own settings."""
    config: Object = json.loads(namespace.helm("get", "values", "scrap", "-o", "json"))["config"]
    return config


def names(namespace: Namespace) -> set[str]:
    """The pods that are to stay."""
    return {pod["metadata"]["name"] for pod in namespace.pods() if "deletionTimestamp" not in pod["metadata"]}


def none_goes(namespace: Namespace) -> bool:
    """Whether all pods that there are, are to stay."""
    return len(names(namespace)) == len(namespace.pods())


@pytest.mark.parametrize("at_least", [AT_LEAST // 2], indirect=True)
def test_upgrade(service: Namespace, seen: Seen) -> None:
    """As docs/install.md says it: the chart's values anew, the release's own again, and a change."""
    before = names(service)
    service.helm("upgrade", "scrap", CHART, *UPGRADE, "--set", "config.maxRedirects=4")
    assert not before & names(service), "a changed setting rolls every pod"
    assert settings(service) == {**values(service)["config"], "maxRedirects": 4}


@pytest.mark.parametrize("at_least", [AT_LEAST // 2], indirect=True)
def test_rollback(service: Namespace, seen: Seen) -> None:
    service.helm("rollback", "scrap", "1", "--wait", "--timeout", "180s")
    assert settings(service) == values(service)["config"]


def test_a_pod_is_deleted(service: Namespace, seen: Seen) -> None:
    service.kubectl("delete", "pod", min(names(service)), "--wait=true")
    service.kubectl("rollout", "status", "deployment/scrap", "--timeout=60s")


def test_three_pods_become_one(service: Namespace, seen: Seen) -> None:
    service.kubectl("scale", "deployment/scrap", "--replicas=1")
    until("one pod is left", lambda: len(names(service)) == 1)


def test_a_node_is_drained(service: Namespace, three_pods: None, seen: Seen) -> None:
    if len(nodes()) == 1:
        raise CannotError(f"{provider().name}: the only node cannot be drained")
    last = nodes()[-1]
    assert last in {pod["spec"]["nodeName"] for pod in service.pods()}, "they spread"
    try:
        run("kubectl", "drain", last, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=120s")
        service.kubectl("rollout", "status", "deployment/scrap", "--timeout=60s")
        assert last not in {pod["spec"]["nodeName"] for pod in service.pods()}
    finally:
        run("kubectl", "uncordon", last)


def test_the_load_notices_a_pod_that_ends_with_none_beside_it(service: Namespace) -> None:
    """What the tests above hold the service to can fail: until the only container is started again, nobody answers."""
    service.kubectl("scale", "deployment/scrap", "--replicas=1")
    until("one pod is left", lambda: len(service.pods()) == 1, 90)
    with load(service.address(), 80, targets(service)) as found:
        until("the load is under way", lambda: found.answered > 400)
        (pod,) = names(service)
        service.kubectl("exec", pod, "--", "python", "-c", "import os; os.kill(1, 15)")
        until("a request is lost", lambda: found.lost.total() > 0, 40)
    service.kubectl("rollout", "status", "deployment/scrap", "--timeout=60s")


@pytest.mark.needs("helm3")
def test_helm_3_loses_nothing_either(service: Namespace, three_pods: None) -> None:
    """The same two steps with the other Helm, on a release of its own."""
    service.install(values(service), release="third", helm="helm3")
    try:
        with load(service.address("third-scrap"), 80, targets(service)) as found:
            until("the load is under way", lambda: found.answered > 400)
            service.helm("upgrade", "third", CHART, *UPGRADE, "--set", "config.maxRedirects=4", helm="helm3")
            service.helm("rollback", "third", "1", "--wait", "--timeout", "180s", helm="helm3")
            until("every pod that goes is gone", lambda: len(service.pods()) == 6, 90)
        assert dict(found.lost) == {}
    finally:
        service.helm("uninstall", "third", "--wait", helm="helm3")


@pytest.fixture
def chart_before(tmp_path: Path) -> Path:
    """The last chart in git with an older CRD; in a checkout without history this one, with its CRD marked as older."""
    path, new = f"charts/scrap/{CRD}", (CHART / CRD).read_text()
    for commit in run("git", "-C", ROOT, "log", "--format=%H", "--diff-filter=AM", "--", path).split():
        if revision(run("git", "-C", ROOT, "show", f"{commit}:{path}")) < revision(new):
            archive = tmp_path / "chart.tar"
            run("git", "-C", ROOT, "archive", "--output", archive, commit, "charts/scrap")
            run("tar", "--extract", "--file", archive, "--directory", tmp_path)
            return tmp_path / "charts" / "scrap"
    shutil.copytree(CHART, tmp_path / "scrap")
    old = new.replace(f'{REVISION}: "{revision(new)}"', f'{REVISION}: "{revision(new) - 1}"')
    for file in (tmp_path / "scrap").rglob(Path(CRD).name):
        file.write_text(old)
    return tmp_path / "scrap"


def revision(crd: str) -> int:
    """How many changes of the CRD it has."""
    return int(yaml.safe_load(crd)["metadata"].get("annotations", {}).get(REVISION, 0))


def test_upgrade_from_a_chart_with_an_older_crd(service: Namespace, chart_before: Path) -> None:
    """Nothing is lost of requests, nor of what somebody wrote into the AlertScaler, and the CRD is the new one."""

    def crd() -> Object:
        found: Object = json.loads(run("kubectl", "get", "crd", "alertscalers.scaling.scrap.dev", "-o", "json"))
        return found

    run("kubectl", "delete", "crd", "alertscalers.scaling.scrap.dev", "--ignore-not-found")
    operator = {"operator": {"enabled": True, "alertScaler": {"minReplicas": 2, "maxReplicas": 2}}}
    service.helm("install", "before", chart_before, "--wait", "--timeout", "120s", values=values(service) | operator)
    try:
        scaler = "before-scrap"
        note = {"metadata": {"annotations": {"example.org/note": "somebody's"}}}
        service.kubectl("patch", "alertscaler", scaler, "--type", "merge", "--patch", json.dumps(note))
        old, before = crd(), service.get("alertscaler", scaler)
        with load(service.address("before-scrap"), 80, targets(service)) as found:
            until("the load is under way", lambda: found.answered > 400)
            service.helm("upgrade", "before", CHART, *UPGRADE)
            until("every pod that goes is gone", lambda: none_goes(service), 90)
        print(f"{found.answered} answered, slowest {found.slowest:.3f} s; {found.lost}")
        assert dict(found.lost) == {}
        new, after = crd(), service.get("alertscaler", scaler)
        assert new["metadata"]["uid"] == old["metadata"]["uid"]
        assert revision(json.dumps(old)) < revision(json.dumps(new)) == revision((CHART / CRD).read_text())
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert after["metadata"]["annotations"]["example.org/note"] == "somebody's"
    finally:
        service.helm("uninstall", "before", "--wait")
