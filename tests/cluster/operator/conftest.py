"""The operator on a real API server, with exactly the rights that its document grants."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.operator.alertmanager import Alertmanager, binary, free_port
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
DEFINITION = ROOT / "charts/scrap/crds/alertscalers.yaml"
DOCUMENT = ROOT / "docs/operator.md"

Json = dict[str, Any]


def documented(block: str) -> Any:
    """A YAML block of the operator's document, by the word after ```yaml."""
    found = re.search(rf"```yaml {block}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found, block
    return yaml.safe_load(found[1])


def kubectl(*arguments: str, given: Any = None, fails: bool = False) -> str:
    """Runs kubectl as the cluster's administrator; `given` goes in as a manifest on standard input."""
    done = subprocess.run(
        ["kubectl", *arguments],
        input=None if given is None else yaml.safe_dump_all(given if isinstance(given, list) else [given]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode != 0) is fails, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return str(done.stderr if fails else done.stdout)


@dataclass
class KubeNamespace:
    """A namespace of one test's own, with the operator's Role in it."""

    name: str
    kubeconfig: Path
    operator: subprocess.Popen[str] | None = None
    port: int = 0
    log: list[Path] = field(default_factory=list)

    def kubectl(self, *arguments: str, given: Any = None, fails: bool = False) -> str:
        """Runs kubectl in the namespace."""
        return kubectl("--namespace", self.name, *arguments, given=given, fails=fails)

    def get(self, *arguments: str) -> Json:
        """An object, or a list of them."""
        found: Json = json.loads(self.kubectl("get", "--output", "json", *arguments))
        return found

    def deploy(self, name: str = "scrap", replicas: int = 3) -> None:
        """A Deployment whose pods nobody runs."""
        self.kubectl("apply", "--filename", "-", given=deployment(name, replicas))

    def replicas(self, name: str = "scrap") -> int:
        """The replicas that the Deployment asks for."""
        return int(self.get("deployment", name)["spec"]["replicas"])

    def reason(self, name: str = "scrap") -> str:
        """The AlertScaler's, "" while it has none."""
        return str(self.get("alertscaler", name).get("status", {}).get("reason", ""))

    def conditions(self, name: str = "scrap") -> dict[str, tuple[str, str]]:
        """Status and reason of each."""
        status = self.get("alertscaler", name)["status"]
        return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}

    def events(self) -> list[Json]:
        """Those about AlertScalers."""
        events: list[Json] = self.get("events.events.k8s.io", "--field-selector", "regarding.kind=AlertScaler")["items"]
        return events

    def start(self, *arguments: str) -> None:
        """Starts the operator, and waits until it watches."""
        self.run(*arguments)
        eventually(lambda: "watching the AlertScalers" in self.written(), 20)

    def run(self, *more: str, program: Sequence[str] = ("-m", "scrap_operator")) -> None:
        """Starts the operator, or a program of a test's own around it."""
        self.port = free_port()
        log = self.kubeconfig.with_suffix(f".{len(self.log)}.log")
        self.log.append(log)
        arguments = [
            "run",
            f"--namespace={self.name}",
            f"--port={self.port}",
            "--host=127.0.0.1",
            "--definition-wait=0.5",
            *more,
        ]
        with log.open("w") as output:
            self.operator = subprocess.Popen(
                [sys.executable, *program, *arguments],
                env=os.environ | {"KUBECONFIG": str(self.kubeconfig)},
                stderr=output,
                stdout=output,
                text=True,
            )

    def stop(self) -> int:
        """Ends the operator as the kubelet does; gives back its exit status."""
        assert self.operator
        self.operator.terminate()
        return self.operator.wait(30)  # the kubelet's own patience

    def written(self) -> str:
        """The operator's log."""
        return self.log[-1].read_text()

    def ask(self, path: str) -> tuple[int, str]:
        """The operator's answer over HTTP."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, series: str) -> float:
        """A series' value, as it is written in the exposition."""
        lines = self.ask("/metrics")[1].splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series} ")), 0.0)


def deployment(name: str, replicas: int | None) -> Json:
    """A Deployment; without a count where `replicas` is None."""
    spec = {
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "pause", "image": "localhost/pause"}]},
        },
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def wait_for(namespace: KubeNamespace, reason: str, name: str = "scrap", seconds: float = 15) -> None:
    """Until an AlertScaler gives this reason."""
    eventually(lambda: namespace.reason(name) == reason, seconds)


@pytest.fixture(scope="session")
def definition() -> None:
    """The CustomResourceDefinition, served, and its schema with it, which the API server publishes a moment later."""
    kubectl("apply", "--server-side", "--filename", str(DEFINITION))
    eventually(lambda: "alertscalers" in kubectl("api-resources", "--api-group=scaling.scrap.dev"), 20)
    eventually(lambda: "apis/scaling.scrap.dev/v1alpha1" in kubectl("get", "--raw", "/openapi/v3"), 20)
    schema = "/openapi/v3/apis/scaling.scrap.dev/v1alpha1"
    eventually(lambda: "before the operator scales in" in kubectl("get", "--raw", schema), 20)


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[KubeNamespace]:
    """A namespace with the operator's service account and Role, and no operator yet."""
    name = f"operator-{time.time_ns() // 1000}"
    kubectl("create", "namespace", name)
    namespace = KubeNamespace(name, tmp_path / "kubeconfig")
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "scrap-operator"}}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "scrap-operator"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "scrap-operator"},
        "subjects": [{"kind": "ServiceAccount", "name": "scrap-operator", "namespace": name}],
    }
    namespace.kubectl("apply", "--filename", "-", given=[account, documented("role"), binding])
    token = namespace.kubectl("create", "token", "scrap-operator").strip()
    config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    namespace.kubeconfig.write_text(yaml.safe_dump(config))
    yield namespace
    if namespace.operator and namespace.operator.poll() is None:
        namespace.stop()
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def namespace(bare: KubeNamespace, definition: None) -> KubeNamespace:
    """The same, with the operator running and the CRD there."""
    bare.start()
    return bare


def running_alertmanager(folder: Path) -> Iterator[Alertmanager]:
    """A real one, with the heartbeat beating. Where no cluster tools are set up there is none to run."""
    program = binary("alertmanager")
    if program is None:
        pytest.skip("no alertmanager on PATH or in the cluster's tools")
    running = Alertmanager(program, folder)
    running.send("Watchdog")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def shared_alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    """One for all tests; each test's alerts carry its namespace."""
    yield from running_alertmanager(tmp_path_factory.mktemp("alertmanager"))


@pytest.fixture
def own_alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    """One that a test may hurt."""
    yield from running_alertmanager(tmp_path)


@dataclass
class Firing:
    """The alerts of one test's namespace."""

    alertmanager: Alertmanager
    namespace: str

    def fire(self, *names: str) -> None:
        """They fire."""
        self.alertmanager.send(*names, namespace=self.namespace)

    def end(self, *names: str) -> None:
        """They end."""
        self.alertmanager.send(*names, ends_in=-0.001, namespace=self.namespace)


@pytest.fixture
def signals(bare: KubeNamespace, shared_alertmanager: Alertmanager) -> Firing:
    """Alerts that this test's AlertScalers listen to."""
    return Firing(shared_alertmanager, bare.name)


@pytest.fixture
def scaler(bare: KubeNamespace, shared_alertmanager: Alertmanager) -> Callable[..., Json]:
    """Makes AlertScalers that poll each second and wait for nothing."""

    def make(name: str = "scrap", target: str = "scrap", **spec: Any) -> Json:
        # Once: one step up, or down, in as long as a test lasts.
        once = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 9, "periodSeconds": 1800}]}
        labels = {"namespace": bare.name}
        defaults = {
            "scaleTargetRef": {"name": target},
            "minReplicas": 1,
            "maxReplicas": 9,
            "source": {"url": shared_alertmanager.url, "interval": "1s", "timeout": "1s", "settle": "2s"},
            "rules": [
                {"name": "saturated", "matchers": {"alertname": "Saturated"} | labels, "effect": "ScaleUp", "step": 2},
                {"name": "hold", "matchers": {"alertname": "Hold"} | labels, "effect": "Hold"},
                {"name": "idle", "matchers": {"alertname": "Idle"} | labels, "effect": "ScaleDown"},
            ],
            "behavior": {"scaleUp": once, "scaleDown": once},
        }
        return {
            "apiVersion": "scaling.scrap.dev/v1alpha1",
            "kind": "AlertScaler",
            "metadata": {"name": name},
            "spec": defaults | spec,
        }

    return make
