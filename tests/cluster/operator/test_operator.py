"""The operator at work: a process, a real API server, a real Alertmanager, and hands that interfere."""

import json
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from scrap_operator import kube, source
from scrap_operator.loop import Scaler
from scrap_operator.model import Reference
from scrap_operator.telemetry import OperatorMetrics
from tests.cluster.operator.conftest import (
    DEFINITION,
    Firing,
    Json,
    KubeNamespace,
    deployment,
    documented,
    kubectl,
    wait_for,
)
from tests.cluster.providers.choice import provider
from tests.freezing import freeze, thaw
from tests.integration.operator.alertmanager import Alertmanager
from tests.waiting import eventually

Make = Callable[..., Json]


def apply(namespace: KubeNamespace, *objects: Json) -> None:
    namespace.kubectl("apply", "--filename", "-", given=list(objects))


# From an alert to pods.


def test_a_firing_alert_becomes_replicas_within_an_interval_and_two_seconds(
    namespace: KubeNamespace, signals: Firing, scaler: Make
) -> None:
    namespace.deploy(replicas=3)
    apply(namespace, scaler())
    wait_for(namespace, "Steady")
    signals.fire("Saturated")
    fired = datetime.now(UTC)
    eventually(lambda: namespace.replicas() == 5)

    wait_for(namespace, "RateLimited")
    status = namespace.get("alertscaler", "scrap")["status"]
    assert (status["currentReplicas"], status["desiredReplicas"], status["firing"]) == (5, 5, ["saturated"])
    assert status["observedGeneration"] == 1
    assert status["lastScaleUpTime"]
    assert namespace.conditions() == {
        "Ready": ("True", "RateLimited"),
        "SourceAvailable": ("True", "Believed"),
        "Conflict": ("False", "NoRival"),
        "Limited": ("True", "RateLimited"),
    }
    event = eventually(lambda: [event for event in namespace.events() if event["reason"] == "ScaleUp"])[0]
    assert (event["note"], event["type"]) == ("3 → 5 replicas: saturated fires.", "Normal")
    assert (event["reportingController"], event["action"]) == ("scrap-operator", "Scale")
    # By the operator's own time: another cluster starts beside these tests, and kubectl may take a second to notice.
    assert datetime.fromisoformat(event["eventTime"]) - fired <= timedelta(seconds=1 + 2)
    assert namespace.metric('scrap_operator_desired_replicas{alertscaler="scrap"}') == 5
    assert namespace.metric('scrap_operator_scalings_total{alertscaler="scrap",direction="Up"}') == 1

    table = namespace.kubectl("get", "als").splitlines()
    assert table[0].split() == ["NAME", "TARGET", "MODE", "MIN", "MAX", "CURRENT", "DESIRED", "READY", "REASON", "AGE"]
    assert table[1].split()[:-1] == ["scrap", "scrap", "Active", "1", "9", "5", "5", "True", "RateLimited"]

    # Who owns the count, by the API server's books: the chart must not render one.
    fields = namespace.get("deployment", "scrap", "--show-managed-fields")["metadata"]["managedFields"]
    ours = next(entry for entry in fields if entry["manager"] == "scrap-operator")
    assert (ours["subresource"], ours["fieldsV1"]) == ("scale", {"f:spec": {"f:replicas": {}}})


def test_down_and_hold(namespace: KubeNamespace, signals: Firing, scaler: Make) -> None:
    namespace.deploy(replicas=4)
    signals.fire("Hold", "Idle")
    apply(namespace, scaler())
    wait_for(namespace, "Held")
    assert namespace.replicas() == 4
    signals.end("Hold")
    eventually(lambda: namespace.replicas() == 3)


def test_the_bounds_and_a_zero_by_hand(namespace: KubeNamespace, scaler: Make) -> None:
    namespace.deploy(replicas=20)
    apply(namespace, scaler())
    eventually(lambda: namespace.replicas() == 9)
    namespace.kubectl("scale", "deployment/scrap", "--replicas=0")
    wait_for(namespace, "ScaledToZero")
    apply(namespace, scaler(minReplicas=2))
    eventually(lambda: namespace.get("alertscaler", "scrap")["status"]["observedGeneration"] == 2)
    assert namespace.replicas() == 0
    namespace.kubectl("scale", "deployment/scrap", "--replicas=1")
    eventually(lambda: namespace.replicas() == 2)


def test_a_dry_run_says_what_it_would_do_and_suspended_nothing(
    namespace: KubeNamespace, signals: Firing, scaler: Make
) -> None:
    namespace.deploy(replicas=3)
    signals.fire("Saturated")
    apply(namespace, scaler(mode="DryRun"))
    wait_for(namespace, "ScaleUp")
    status = namespace.get("alertscaler", "scrap")["status"]
    assert (status["currentReplicas"], status["desiredReplicas"]) == (3, 5)
    assert "DryRun" in status["message"]
    apply(namespace, scaler(mode="Suspended"))
    wait_for(namespace, "Suspended")
    assert namespace.replicas() == 3
    apply(namespace, scaler())
    eventually(lambda: namespace.replicas() == 5)


# Rights.


def test_the_role_grants_what_is_needed_and_nothing_else(bare: KubeNamespace, definition: None) -> None:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": bare.name},
    }
    as_operator = ["--kubeconfig", str(bare.kubeconfig)]
    rules = json.loads(
        kubectl(*as_operator, "create", "--validate=false", "-o", "json", "--filename", "-", given=review)
    )["status"]
    own = {"authorization.k8s.io", "authentication.k8s.io"}  # what everybody may ask about themselves
    granted = [
        (group, resource, verb, name)
        for rule in rules["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
        if group not in own
    ]
    asked = [
        (group, resource, verb, name)
        for rule in documented("role")["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    ]
    assert sorted(granted) == sorted(asked)


FORBIDDEN = [
    "get secrets",
    "list pods",
    "get deployments/scrap",
    "patch deployments/scrap",
    "get deployments/other --subresource=scale",
    "update deployments/scrap --subresource=scale",
    "update alertscalers/scrap",
    "delete alertscalers/scrap",
    "create alertscalers",
    "list events",
    "list alertscalers --namespace=default",
    "list alertscalers --all-namespaces",
    "list customresourcedefinitions",
    "list namespaces",
    "get leases",
]


def test_everything_else_is_forbidden(bare: KubeNamespace, definition: None) -> None:
    as_operator = ["kubectl", "--kubeconfig", str(bare.kubeconfig), "--namespace", bare.name, "auth", "can-i"]
    for forbidden in FORBIDDEN:
        done = subprocess.run([*as_operator, *forbidden.split()], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == "no", (forbidden, done)


def test_a_target_that_the_role_does_not_name_is_said_to_be_refused(namespace: KubeNamespace, scaler: Make) -> None:
    namespace.deploy("other")
    apply(namespace, scaler(target="other"))
    wait_for(namespace, "Refused")
    assert namespace.conditions()["Ready"] == ("False", "Refused")
    assert "403" in namespace.get("alertscaler", "scrap")["status"]["message"]
    assert namespace.ask("/healthz")[0] == 200


def test_a_target_that_is_not_there_yet(namespace: KubeNamespace, scaler: Make, signals: Firing) -> None:
    signals.fire("Saturated")
    apply(namespace, scaler())
    wait_for(namespace, "TargetNotFound")
    assert namespace.conditions()["Ready"] == ("False", "TargetNotFound")
    namespace.deploy(replicas=2)
    eventually(lambda: namespace.replicas() == 4)


# Other hands.


def test_a_chart_that_renders_replicas_conflicts_and_one_that_does_not_leaves_them(
    namespace: KubeNamespace, signals: Firing, scaler: Make
) -> None:
    server_side = ("apply", "--server-side", "--field-manager=helm", "--filename", "-")
    namespace.kubectl(*server_side, given=deployment("scrap", 3))
    signals.fire("Saturated")
    apply(namespace, scaler())
    eventually(lambda: namespace.replicas() == 5)
    conflict = namespace.kubectl(*server_side, given=deployment("scrap", 3), fails=True)
    assert 'conflict with "scrap-operator"' in conflict
    namespace.kubectl(*server_side, given=deployment("scrap", None))  # helm gives the field up
    assert namespace.replicas() == 5


def test_an_hpa_beside_it_is_a_conflict(namespace: KubeNamespace, signals: Firing, scaler: Make) -> None:
    namespace.deploy(replicas=3)
    namespace.kubectl("autoscale", "deployment/scrap", "--min=1", "--max=9", "--name=by-cpu")
    signals.fire("Saturated")
    apply(namespace, scaler())
    wait_for(namespace, "Conflict")
    assert namespace.conditions()["Conflict"] == ("True", "Conflict")
    assert "HorizontalPodAutoscaler/by-cpu" in namespace.get("alertscaler", "scrap")["status"]["message"]
    assert namespace.replicas() == 3
    assert namespace.metric('scrap_operator_condition{alertscaler="scrap",type="Conflict"}') == 1
    namespace.kubectl("delete", "hpa", "by-cpu")
    eventually(lambda: namespace.replicas() == 5)


def test_of_two_on_one_target_neither_writes(namespace: KubeNamespace, signals: Firing, scaler: Make) -> None:
    namespace.deploy(replicas=3)
    apply(namespace, scaler("first"), scaler("second"))
    wait_for(namespace, "Conflict", "first")
    wait_for(namespace, "Conflict", "second")
    signals.fire("Saturated")
    eventually(lambda: namespace.get("alertscaler", "first")["status"]["firing"] == ["saturated"])
    assert namespace.replicas() == 3
    namespace.kubectl("delete", "alertscaler", "second")
    eventually(lambda: namespace.replicas() == 5)
    eventually(lambda: 'alertscaler="second"' not in namespace.ask("/metrics")[1])


class Interfering(kube.Kube):
    """Writes between the operator's read and its write, so many times."""

    times = 1

    async def interfere(self, target: Reference, replicas: int) -> None:
        """Scales the target."""
        await super().write_replicas(target, replicas + 1, instead_of=replicas)

    async def write_replicas(self, target: Reference, replicas: int, *, instead_of: int) -> None:
        if self.times:
            self.times -= 1
            await self.interfere(target, instead_of)
        await super().write_replicas(target, replicas, instead_of=instead_of)


class Annotating(Interfering):
    """As a target's own controller does, which writes its status: all but the replicas."""

    async def interfere(self, target: Reference, replicas: int) -> None:
        kubectl("--namespace", self._namespace, "annotate", target.kind, target.name, "noted=1")


@pytest.fixture
async def client(bare: KubeNamespace, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx2.AsyncClient]:
    """The operator's own, with its own rights, inside this process."""
    with monkeypatch.context() as patched:
        patched.setenv("KUBECONFIG", str(bare.kubeconfig))
        login = kube.log_in()
    async with kube.new_client(login) as client:
        yield client


async def tick(cluster: kube.Kube) -> None:
    await Scaler("scrap", cluster, source.poller(), OperatorMetrics(lambda: 0.0), time.time).tick()


@pytest.fixture
def saturated(bare: KubeNamespace, definition: None, signals: Firing, scaler: Make) -> KubeNamespace:
    """Three pods, and an alert by which they are to be two more."""
    bare.deploy(replicas=3)
    signals.fire("Saturated")
    apply(bare, scaler())
    return bare


async def test_whoever_scales_meanwhile_is_read_again_and_decided_on_again(
    saturated: KubeNamespace, client: httpx2.AsyncClient
) -> None:
    await tick(Interfering(client, saturated.name))
    assert saturated.replicas() == 3 + 1 + 2  # theirs, then ours on top of it
    assert saturated.get("alertscaler", "scrap")["status"]["desiredReplicas"] == 6


async def test_after_three_times_it_gives_up_until_the_next_tick(
    saturated: KubeNamespace, client: httpx2.AsyncClient
) -> None:
    cluster = Interfering(client, saturated.name)
    cluster.times = 3
    await tick(cluster)
    assert saturated.replicas() == 3 + 3
    assert saturated.reason() == "Refused"
    await tick(cluster)
    assert saturated.replicas() == 6 + 2


async def test_what_changes_but_the_replicas_is_not_its_business(
    saturated: KubeNamespace, client: httpx2.AsyncClient
) -> None:
    await tick(Annotating(client, saturated.name))
    assert saturated.get("deployment", "scrap")["metadata"]["annotations"]["noted"] == "1"
    assert saturated.replicas() == 3 + 2
    assert saturated.reason() == "ScaleUp"


async def test_anything_with_a_scale_can_be_a_target(bare: KubeNamespace) -> None:
    template = deployment("scrap", 2)["spec"]
    apply(
        bare,
        scalable("apps/v1", "StatefulSet", template),
        scalable("v1", "ReplicationController", template | {"selector": {"app": "scrap"}}),
    )
    async with kube.new_client(kube.log_in()) as administrator:
        cluster = kube.Kube(administrator, bare.name)
        for version, kind in (("apps/v1", "StatefulSet"), ("v1", "ReplicationController")):
            target = Reference(version, kind, "scrap")
            assert await cluster.replicas(target) == 2
            await cluster.write_replicas(target, 3, instead_of=2)
            assert await cluster.replicas(target) == 3
            with pytest.raises(kube.WriteConflict):
                await cluster.write_replicas(target, 9, instead_of=2)
        with pytest.raises(kube.NotFound):
            await cluster.replicas(Reference("v1", "ConfigMap", "scrap"))


def scalable(version: str, kind: str, spec: Json, name: str = "scrap") -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


QUEUE = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "queue"}
FLEET = {"apiVersion": "example.com/v1", "kind": "Fleet"}
CARS: Json = {"type": "object", "properties": {"cars": {"type": "integer", "maximum": 8}}}
FLEETS: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "fleets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "fleets", "kind": "Fleet"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": CARS}}},
                "subresources": {"scale": {"specReplicasPath": ".spec.cars", "statusReplicasPath": ".status.cars"}},
            }
        ],
    },
}


@pytest.fixture
def fleets() -> Iterator[None]:
    """A kind of somebody's own, with a scale."""
    kubectl("apply", "--filename", "-", given=FLEETS)
    # `kubectl wait` fails where a CRD has no conditions yet, as in its first moment.
    eventually(lambda: "fleets" in kubectl("api-resources", "--api-group=example.com"))
    yield
    kubectl("delete", "crd", "fleets.example.com", "--wait=false")


def test_targets_that_the_role_names_are_scaled_whatever_they_are(
    bare: KubeNamespace, definition: None, fleets: None, signals: Firing, scaler: Make
) -> None:
    """With the Role's rules as the chart renders operator.targets."""
    role: Json = documented("role")
    for group, resource, *names in (("apps", "statefulsets", "queue"), ("example.com", "fleets", "small", "large")):
        rule = {"apiGroups": [group], "resources": [f"{resource}/scale"], "resourceNames": names}
        role["rules"].append(rule | {"verbs": ["get", "patch"]})
    apply(
        bare,
        role,
        scalable("apps/v1", "StatefulSet", deployment("queue", 2)["spec"], "queue"),
        scalable("example.com/v1", "Fleet", {"cars": 4}, "small"),
        scalable("example.com/v1", "Fleet", {"cars": 7}, "large"),
        scaler("of-queue", scaleTargetRef=QUEUE),
        scaler("of-small", scaleTargetRef=FLEET | {"name": "small"}),
        scaler("of-large", scaleTargetRef=FLEET | {"name": "large"}),
    )
    bare.start()
    signals.fire("Saturated")
    eventually(lambda: bare.get("statefulset", "queue")["spec"]["replicas"] == 4)
    eventually(lambda: bare.get("fleet", "small")["spec"]["cars"] == 6)
    wait_for(bare, "Refused", "of-large")  # by its own schema
    assert "less than or equal to 8" in bare.get("alertscaler", "of-large")["status"]["message"]


# Two releases in a namespace.


def test_each_operator_serves_those_that_carry_its_labels(
    bare: KubeNamespace, definition: None, signals: Firing, scaler: Make
) -> None:
    other = KubeNamespace(bare.name, bare.kubeconfig.with_name("other"))
    other.kubeconfig.write_text(bare.kubeconfig.read_text())
    bare.deploy(replicas=3)
    bare.deploy("other", replicas=3)
    for name in ("scrap", "other"):
        body = scaler(name, target=name)
        body["metadata"]["labels"] = {"release": name}
        apply(bare, body)
    signals.fire("Saturated")
    bare.start("--selector=release=scrap")
    other.start("--selector=release=other")
    try:
        eventually(lambda: bare.replicas() == 5)
        wait_for(bare, "Refused", "other")  # its own operator's Role does not name its target
        assert 'alertscaler="other"' not in bare.ask("/metrics")[1]
        assert 'alertscaler="scrap"' not in other.ask("/metrics")[1]
        bare.kubectl("label", "alertscaler", "scrap", "release=other", "--overwrite")
        eventually(lambda: 'alertscaler="scrap"' not in bare.ask("/metrics")[1])
        eventually(lambda: 'alertscaler="scrap"' in other.ask("/metrics")[1])
    finally:
        other.stop()


# Deletion.


def test_deleting_it_leaves_the_replicas_and_hangs_nowhere(
    namespace: KubeNamespace, signals: Firing, scaler: Make
) -> None:
    namespace.deploy(replicas=3)
    signals.fire("Saturated")
    apply(namespace, scaler())
    eventually(lambda: namespace.replicas() == 5)
    assert "finalizers" not in namespace.get("alertscaler", "scrap")["metadata"]
    assert not namespace.get("alertscaler", "scrap")["metadata"].get("annotations", {}).keys() - {
        "kubectl.kubernetes.io/last-applied-configuration"
    }
    namespace.kubectl("delete", "alertscaler", "scrap", "--timeout=5s")
    eventually(lambda: "alertscaler=" not in namespace.ask("/metrics")[1])
    assert namespace.replicas() == 5
    apply(namespace, scaler(minReplicas=7))  # the same name is a new one
    eventually(lambda: namespace.replicas() == 7)


def test_deleting_it_without_an_operator_hangs_nowhere_either(namespace: KubeNamespace, scaler: Make) -> None:
    namespace.deploy(replicas=3)
    apply(namespace, scaler())
    eventually(namespace.reason)
    assert namespace.stop() == 0
    namespace.kubectl("delete", "alertscaler", "scrap", "--timeout=5s")
    assert namespace.replicas() == 3


def test_one_that_a_finalizer_keeps_is_gone(namespace: KubeNamespace, signals: Firing, scaler: Make) -> None:
    namespace.deploy(replicas=3)
    dying = scaler("dying")
    dying["metadata"]["finalizers"] = ["example.com/hold"]
    apply(namespace, dying)
    wait_for(namespace, "Steady", "dying")
    namespace.kubectl("delete", "alertscaler", "dying", "--wait=false")
    eventually(lambda: 'alertscaler="dying"' not in namespace.ask("/metrics")[1])
    signals.fire("Saturated")
    apply(namespace, scaler())  # and nothing that scales its target
    eventually(lambda: namespace.replicas() == 5)
    namespace.kubectl("patch", "alertscaler", "dying", "--type=merge", '--patch={"metadata":{"finalizers":null}}')


# An Alertmanager that is hurt.


def test_an_alertmanager_that_hangs_dies_and_forgets(
    namespace: KubeNamespace, own_alertmanager: Alertmanager, scaler: Make
) -> None:
    """Nothing goes down meanwhile, though nothing keeps it up but inconclusive alerts; a silence mutes people alone."""
    # The warm-up is longer than kubectl takes to show it on a busy machine.
    source = {"url": own_alertmanager.url, "interval": "1s", "timeout": "1s", "settle": "7s"}
    hold, idle = (
        {"name": name, "matchers": {"alertname": name}, "effect": e}
        for name, e in (("Hold", "Hold"), ("Idle", "ScaleDown"))
    )
    namespace.deploy(replicas=4)
    own_alertmanager.send("Hold", "Idle")
    apply(namespace, scaler(source=source, rules=[hold, idle]))
    wait_for(namespace, "Held")
    own_alertmanager.silence("Hold")
    eventually(lambda: own_alertmanager.state("Hold")["silencedBy"])

    freeze(own_alertmanager.process)
    wait_for(namespace, "SourceUnavailable")
    assert "no response within 1 s" in namespace.get("alertscaler", "scrap")["status"]["message"]
    thaw(own_alertmanager.process)
    wait_for(namespace, "Settling")
    wait_for(namespace, "Held")  # silenced, and there all the same

    own_alertmanager.stop()
    wait_for(namespace, "SourceUnavailable")
    assert namespace.conditions()["SourceAvailable"] == ("False", "SourceUnavailable")
    own_alertmanager.start()
    wait_for(namespace, "HeartbeatMissing")  # it has forgotten everything
    own_alertmanager.send("Watchdog", "Idle")  # and gets some of it before the rest
    wait_for(namespace, "Settling")
    own_alertmanager.send("Hold")
    wait_for(namespace, "Held")
    assert namespace.replicas() == 4
    own_alertmanager.resolve("Hold")
    eventually(lambda: namespace.replicas() == 3)


# Restarts.


def test_an_operator_that_restarts_has_lost_nothing(namespace: KubeNamespace, signals: Firing, scaler: Make) -> None:
    namespace.deploy(replicas=4)
    signals.fire("Saturated")
    long = {"source": scaler()["spec"]["source"] | {"settle": "1m"}}
    apply(namespace, scaler(**long))
    eventually(lambda: namespace.replicas() == 6)
    wait_for(namespace, "RateLimited")
    before = namespace.get("alertscaler", "scrap")["status"]
    namespace.stop()
    namespace.start()
    eventually(lambda: namespace.metric('scrap_operator_decisions_total{alertscaler="scrap",reason="RateLimited"}'))
    after = namespace.get("alertscaler", "scrap")["status"]
    kept = ("lastScaleUpTime", "leaning", "conditions", "currentReplicas")
    assert [before[name] for name in kept] == [after[name] for name in kept]
    assert before["source"]["heardSince"] == after["source"]["heardSince"]
    assert namespace.replicas() == 6


def test_an_api_server_that_is_killed_under_it(namespace: KubeNamespace, signals: Firing, scaler: Make) -> None:
    namespace.deploy(replicas=3)
    apply(namespace, scaler())
    wait_for(namespace, "Steady")
    provider().restart("kube-apiserver", 15)
    signals.fire("Saturated")
    assert namespace.ask("/healthz")[0] == 200  # nothing that a restart would fix
    assert namespace.metric('scrap_operator_problems_total{alertscaler="scrap"}') > 0
    eventually(api_server_is_back, 120)
    eventually(lambda: namespace.replicas() == 5)
    # The watch is back, too: a new one is seen, a deleted one forgotten.
    apply(namespace, scaler("late", mode="Suspended"))
    wait_for(namespace, "Suspended", "late", 30)
    namespace.kubectl("delete", "alertscaler", "late")
    eventually(lambda: 'alertscaler="late"' not in namespace.ask("/metrics")[1])
    assert namespace.operator
    assert namespace.operator.poll() is None


def api_server_is_back() -> bool:
    done = subprocess.run(["kubectl", "get", "--raw", "/readyz"], capture_output=True, check=False)
    return done.returncode == 0


IMPATIENT = """
from scrap_operator import app, cli

settings = app._kopf_settings()
settings.watching.server_timeout = 1
app._kopf_settings = lambda: settings
cli.main()
"""


def test_a_watch_that_the_api_server_ends_each_second(
    bare: KubeNamespace, definition: None, signals: Firing, scaler: Make
) -> None:
    bare.run(program=("-c", IMPATIENT))
    eventually(lambda: "watching the AlertScalers" in bare.written(), 20)
    bare.deploy(replicas=3)
    signals.fire("Saturated")
    for number in range(5):  # each over another watch
        name = f"late-{number}"
        apply(bare, scaler(name, mode="Suspended"))
        wait_for(bare, "Suspended", name)
        bare.kubectl("delete", "alertscaler", name)
        # mypy cannot infer a lambda with a default, which binds this turn's name.
        eventually(lambda name=name: f'alertscaler="{name}"' not in bare.ask("/metrics")[1])  # type: ignore[misc]


def test_it_waits_for_its_crd(bare: KubeNamespace, scaler: Make, definition: None) -> None:
    kubectl("delete", "--filename", str(DEFINITION))
    bare.run()
    eventually(lambda: "is the CRD installed?" in bare.written(), 20)
    assert bare.ask("/healthz")[0] == 200
    kubectl("apply", "--server-side", "--filename", str(DEFINITION))
    eventually(lambda: "watching the AlertScalers" in bare.written(), 20)
    bare.deploy(replicas=20)
    eventually(lambda: applied(bare, scaler()), 20)
    eventually(lambda: bare.replicas() == 9)


def applied(namespace: KubeNamespace, body: Json) -> bool:
    """kubectl's own discovery may be a moment behind."""
    done = subprocess.run(
        ["kubectl", "--namespace", namespace.name, "apply", "--filename", "-"],
        input=json.dumps(body),
        text=True,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def test_it_needs_less_than_100_mib(namespace: KubeNamespace, scaler: Make) -> None:
    namespace.deploy()
    apply(namespace, scaler())
    eventually(namespace.reason)
    assert namespace.metric("process_resident_memory_bytes") < 100 * 1024 * 1024


def test_the_log_is_json_and_says_why(namespace: KubeNamespace, signals: Firing, scaler: Make) -> None:
    namespace.deploy(replicas=3)
    signals.fire("Saturated")
    apply(namespace, scaler())
    eventually(lambda: namespace.replicas() == 5)
    eventually(lambda: "ScaleUp" in namespace.written())
    lines = [json.loads(line) for line in namespace.written().splitlines()]
    line = next(line for line in lines if line.get("reason") == "ScaleUp")
    assert (line["alertscaler"], line["desired"], line["message"]) == (
        "scrap",
        5,
        "scrap: 3 → 5 replicas: saturated fires.",
    )
