"""The providers of clusters: what they run, with programs on the PATH that write down how they were called, and say so.

kind, minikube and Docker are not on every machine, and their clusters take minutes; `shared` is run by the tests on it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chart.rendering import ROOT
from tests.cluster import run
from tests.cluster.conftest import skipping
from tests.cluster.faults.report import Row
from tests.cluster.providers import docker_nodes, kind, shared
from tests.cluster.providers.choice import PROVIDERS, NoProviderError, chosen
from tests.cluster.providers.current import Current
from tests.cluster.providers.kind import Kind
from tests.cluster.providers.minikube import Minikube
from tests.cluster.providers.provider import STACK_SCRIPT, CannotError, Provider
from tests.cluster.providers.shared import SharedCluster

FAKE = r"""#!/bin/bash
echo "${0##*/}: a fake of tests/unit/test_providers.py" >&2
echo "${0##*/} $*" >>"$WRITTEN"
[[ "$FAILS" && "${0##*/} $*" =~ $FAILS ]] && exit 1
case "${0##*/} $*" in
    "kind create "*) while [ "$1" != --kubeconfig ]; do shift; done; echo made >"$2" ;;
    "docker inspect "*) echo 4711 ;;
    "docker network inspect "*) echo "fc00:f853:ccd:e793::1 172.18.0.1 " ;;
    "docker image inspect "*) echo '{"a": "b"}' ;;
    "kubectl config current-context") echo "${CONTEXT:-production}" ;;
    "kubectl get crds "*) [ -e "$WRITTEN.installed" ] && echo crd/probes.monitoring.coreos.com ;;
    "helm upgrade "*) touch "$WRITTEN.installed" ;;
esac
exit 0
"""
PROGRAMS = ("kubectl", "helm", "docker", "kind", "minikube")
Lines = Callable[[], list[str]]
Install = Callable[..., Lines]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts fakes on the PATH, which has nothing else but what every system has; what they were called with."""
    written = tmp_path / "written"
    for name in ("bash", "env", "dirname", "grep", "sort", "comm", "xargs", "sed", "touch"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("WRITTEN", str(written))
    monkeypatch.setenv("SHARED", str(tmp_path / "nothing"))
    monkeypatch.delenv("FAILS", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(docker_nodes, "CLUSTERS", tmp_path / "clusters")

    def lines() -> list[str]:
        found = written.read_text().splitlines() if written.exists() else []
        written.unlink(missing_ok=True)
        return found

    def put(*names: str) -> Lines:
        for name in names:
            path = tmp_path / name
            path.write_text(FAKE)
            path.chmod(0o755)
        return lines

    return put


def test_kind_is_made_used_and_removed(install: Install, tmp_path: Path) -> None:
    lines, cluster = install(*PROGRAMS), Kind("mine", 2)
    kubeconfig = tmp_path / "clusters" / "mine" / "kubeconfig"
    flags = f"--name mine --kubeconfig {kubeconfig}"
    cluster.up()
    assert lines() == [
        f"kind delete cluster {flags}",
        f"kind create cluster {flags} --config {ROOT}/k8s/kind.yaml --wait 120s",
        f"kubectl config set-cluster kind-mine --server https://127.0.0.1:6443 --kubeconfig {kubeconfig}.inside",
    ]
    cluster.build("localhost/scrap:dev", VERSION="tests")
    assert lines() == [
        f"docker build --tag localhost/scrap:dev --build-arg VERSION=tests {ROOT}",
        "kind load docker-image localhost/scrap:dev --name mine",
    ]
    assert cluster.outside() == {"KUBECONFIG": str(kubeconfig)}
    cluster.down()
    assert lines() == [f"kind delete cluster {flags}"]
    assert not kubeconfig.parent.exists()


def test_minikube_is_made_used_and_removed(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_nodes, "entering", lambda: "")
    lines, cluster = install(*PROGRAMS), Minikube("mine", 2)
    cluster.up()
    cluster.load("localhost/scrap:dev")
    cluster.export_logs(tmp_path)
    cluster.down()
    assert [line for line in lines() if line.startswith("minikube")] == [
        "minikube --profile mine delete",
        "minikube --profile mine start --driver docker --nodes 2 --wait all",
        "minikube --profile mine image load localhost/scrap:dev",
        f"minikube --profile mine logs --file {tmp_path}/cluster.txt",
        "minikube --profile mine delete",
    ]
    assert cluster.environment() == {"KUBECONFIG": str(tmp_path / "clusters" / "mine" / "kubeconfig")}


@pytest.mark.parametrize(
    ("cluster", "control_plane", "network"),
    [(Kind("mine"), "mine-control-plane", "kind"), (Minikube("mine"), "mine", "mine")],
    ids=["kind", "minikube"],
)
def test_what_is_broken_on_nodes_of_docker(
    cluster: docker_nodes.DockerNodes, control_plane: str, network: str, install: Install
) -> None:
    lines = install(*PROGRAMS)
    cluster.restart("kube-apiserver", 0)
    cluster.cut_off("mine-worker2")
    cluster.reconnect("mine-worker2")
    kills = "pkill -STOP --full ^kube-apiserver; sleep 0; pkill -KILL --full ^kube-apiserver"
    on_node = "docker exec --interactive mine-worker2 iptables --table mangle"
    assert lines() == [
        f"docker exec --interactive {control_plane} sh -c {kills}",
        *(
            f"{on_node} {change} {chain} {interface} eth0 --jump DROP"
            for change in ("--insert", "--delete")
            for chain, interface in (("PREROUTING", "--in-interface"), ("POSTROUTING", "--out-interface"))
        ),
    ]
    assert cluster.host() == "172.18.0.1"
    assert network in lines()[0].split()
    assert cluster.labels("localhost/scrap:dev") == '{"a": "b"}'
    with pytest.raises(CannotError, match=f"^{cluster.name}: a node has no small disk of its own to fill$"):
        cluster.make_disk(64)


def test_a_command_runs_in_the_network_of_a_node_if_it_may(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install(*PROGRAMS)
    ways = {"root": "nsenter --net=/proc/4711/ns/net -- pytest", "": "pytest"}
    for way, command in ways.items():
        monkeypatch.setattr(docker_nodes, "entering", lambda way=way: way)
        assert " ".join(Kind("mine").command("pytest")) == command
    monkeypatch.setattr(docker_nodes, "entering", lambda: "sudo")
    monkeypatch.setenv("HOME", "/home/me")
    sudo = "sudo --non-interactive --preserve-env"
    given = f"env PATH={os.environ['PATH']} HOME=/home/me"
    user = f"{sudo} --user=#{os.getuid()} {given}"
    command = f"{sudo} {given} nsenter --net=/proc/4711/ns/net -- {user} pytest"
    assert " ".join(Kind("mine").command("pytest")) == command


@pytest.mark.parametrize("way", ["root", ""])
def test_inside_the_network_of_a_node_kind_has_another_address(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "entering", lambda: way)
    assert Kind("mine").environment()["KUBECONFIG"].endswith("kubeconfig.inside" if way else "kubeconfig")


@pytest.mark.parametrize("interval", ["", "30s"])
def test_the_stack_is_the_real_chart_with_our_values(
    interval: str, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    if interval:
        monkeypatch.setenv("INTERVAL", interval)
    lines = install(*PROGRAMS)
    monkeypatch.setenv("FAILS", "get --namespace monitoring prometheus|get namespace")
    Kind("mine").stack()
    (upgrade,) = (line for line in lines() if line.startswith("helm upgrade"))
    version = (ROOT / "k8s" / "settings.sh").read_text().partition("STACK_VERSION=")[2].split()[0]
    spec = "prometheus.prometheusSpec"
    wanted = interval or "10s"
    assert upgrade == (
        "helm upgrade --install kube-prometheus-stack oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack "
        f"--version {version} --labels scrap.dev/made-by=k8s-up --namespace monitoring "
        "--values k8s/kube-prometheus-stack.yaml "
        f"--set {spec}.scrapeInterval={wanted},{spec}.evaluationInterval={wanted} --wait --timeout 10m"
    )


def test_a_stack_that_is_there_stays_as_it_is(install: Install) -> None:
    lines, cluster = install(*PROGRAMS), Current("mine")
    cluster.up()
    cluster.stack()
    cluster.down()
    assert lines() == ["kubectl get prometheus kube-prometheus-stack-prometheus --namespace monitoring"]


def test_a_stack_that_was_not_there_is_removed(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, cluster = install(*PROGRAMS), Current("mine")
    monkeypatch.setenv("FAILS", "get (--namespace monitoring )?prometheus|get namespace")
    cluster.stack()
    installed = lines()
    assert any(line.startswith("helm upgrade --install kube-prometheus-stack ") for line in installed)
    label = "scrap.dev/made-by=k8s-up"
    assert f"kubectl label {label} crd/probes.monitoring.coreos.com" in installed
    cluster.down()
    assert f"kubectl delete namespace --selector {label} --field-selector metadata.name=monitoring" in lines()


def test_the_script_changes_no_stack_that_something_else_installed(install: Install) -> None:
    lines = install(*PROGRAMS)
    done = subprocess.run([STACK_SCRIPT, "up"], capture_output=True, text=True, check=True)
    assert "kube-prometheus-stack exists and was not installed by this script: not changing it" in done.stderr
    assert not [line for line in lines() if "upgrade" in line or "create" in line]


def test_the_current_cluster_gets_an_image_by_a_command_or_has_it(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, cluster = install(*PROGRAMS), Current("mine")
    cluster.build("localhost/scrap:dev", VERSION="tests")
    assert lines() == []
    monkeypatch.setenv("BUILD", "docker build --push . --tag")
    cluster.build("localhost/scrap:dev", VERSION="tests")
    assert lines() == ["docker build --push . --tag localhost/scrap:dev"]


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("restart", ("kube-apiserver", 15)),
        ("cut_off", ("node-2",)),
        ("reconnect", ("node-2",)),
        ("make_disk", (64,)),
        ("write_disk", (1,)),
        ("empty_disk", ()),
        ("shell", ("node-1",)),
        ("host", ()),
        ("labels", ("localhost/scrap:dev",)),
        ("build_command", ()),
    ],
)
def test_what_the_current_cluster_cannot_do_it_says(method: str, arguments: tuple[str | int, ...]) -> None:
    with pytest.raises(CannotError, match=r"^current: \w"):
        getattr(Current("mine"), method)(*arguments)


@pytest.mark.parametrize(
    ("log", "starts"),
    [
        ("listen unix /var/lib/kubelet/device-plugins/kubelet.sock: bind: address already in use", ["up ", "up "]),
        ("kubelet needs more memory", ["up "]),
    ],
)
def test_shared_starts_once_more_where_two_kubelets_collided(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: str, starts: list[str]
) -> None:
    (tmp_path / "nothing" / "cluster").mkdir(parents=True)
    lines = install("nothing/cluster/up")
    monkeypatch.setattr(shared, "CACHE", tmp_path)
    monkeypatch.setenv("FAILS", "^up")
    kubelet = tmp_path / "clusters" / "mine" / "log" / "kubelet-2.log"
    kubelet.parent.mkdir(parents=True)
    kubelet.write_text(log)
    with pytest.raises(subprocess.CalledProcessError):
        SharedCluster("mine", 2).up()
    assert lines() == starts


def test_shared_calls_the_scripts_of_its_folder(install: Install, tmp_path: Path) -> None:
    scripts = tmp_path / "nothing" / "cluster"
    scripts.mkdir(parents=True)
    names = ("setup", "up", "down", "build", "monitoring", "restart", "unplug", "disk", "run")
    lines = install(*(f"nothing/cluster/{name}" for name in names))
    assert SharedCluster.missing() == ""
    cluster = SharedCluster("mine", 2)
    cluster.setup()
    cluster.up()
    cluster.api().up()
    cluster.build("localhost/scrap:dev", VERSION="tests")
    cluster.stack()
    cluster.restart("kube-apiserver", 15)
    cluster.cut_off("node-2")
    cluster.reconnect("node-2")
    cluster.make_disk(64)
    cluster.write_disk(1)
    cluster.empty_disk()
    cluster.down()
    assert lines() == [
        "setup ",
        "up ",
        "up api",
        f"build {ROOT} localhost/scrap:dev --build-arg VERSION=tests",
        "monitoring ",
        "restart kube-apiserver 15",
        "unplug 2",
        "unplug 2 back",
        "disk 64",
        "disk write 1",
        "disk empty",
        "down ",
    ]
    assert cluster.command("pytest") == [str(scripts / "run"), "pytest"]
    assert cluster.build_command() == f"{scripts}/build ."


def test_the_first_provider_that_is_there_is_taken(install: Install, tmp_path: Path) -> None:
    (tmp_path / "nothing" / "cluster").mkdir(parents=True)
    assert isinstance(chosen("", "mine", 1), SharedCluster)
    install("kubectl", "helm", "docker", "minikube")
    assert isinstance(chosen("", "mine", 1), Minikube)
    install("kind")
    assert isinstance(chosen("", "mine", 1), Kind)
    for name, each in PROVIDERS.items():
        assert type(chosen(name, "mine", 1)) is each


@pytest.mark.parametrize("context", ["docker-desktop", "k3d-mine", "kind-kind", "minikube", "colima-work"])
def test_a_cluster_of_this_machine_is_taken(context: str, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTEXT", context)
    install("kubectl", "helm")
    assert isinstance(chosen("", "mine", 1), Current)


@pytest.mark.parametrize("context", ["production", "arn:aws:eks:eu-west-1:1:cluster/kind-of", "gke_minikube"])
def test_any_other_cluster_is_taken_by_its_name_alone(
    context: str, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTEXT", context)
    install("kubectl", "helm")
    assert isinstance(chosen("current", "mine", 1), Current)
    with pytest.raises(NoProviderError, match=r"^No cluster to run on: install "):
        chosen("", "mine", 1)


@pytest.mark.parametrize(
    ("name", "there", "fails", "why"),
    [
        ("kind", ("kubectl", "helm"), "", "PROVIDER=kind cannot be used here: docker and kind not installed."),
        ("minikube", ("kubectl", "helm", "docker"), "", "cannot be used here: minikube not installed."),
        ("current", (), "", "cannot be used here: kubectl and helm not installed."),
        ("current", ("kubectl", "helm"), "current-context", "cannot be used here: kubectl has no current context."),
        ("shared", (), "", "cannot be used here: no .* here."),
        ("k3s", (), "", "PROVIDER is one of kind, minikube, current, shared, and not k3s."),
    ],
)
def test_a_provider_that_is_not_there_says_why(
    name: str, there: tuple[str, ...], fails: str, why: str, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(*there)
    monkeypatch.setenv("FAILS", fails)
    with pytest.raises(NoProviderError, match=why):
        chosen(name, "mine", 1)


@pytest.mark.parametrize("suite", ["tests", "story", "faults", "course", "which"])
@pytest.mark.usefixtures("install")
def test_without_a_provider_one_sentence_says_what_to_install(suite: str) -> None:
    environment = {name: os.environ[name] for name in ("PATH", "SHARED")}
    command = [sys.executable, "-m", "tests.cluster.run", suite]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("cluster tests: No cluster to run on: install ")
    assert done.stderr.count("\n") == 1


class RecordedProvider(Provider):
    """A provider that keeps what it was asked for."""

    name = "recorded"
    asked: list[str] = []  # noqa: RUF012 - one list, which each test empties

    @classmethod
    def missing(cls) -> str:
        return ""

    def setup(self) -> None:
        self.asked.append("setup")

    def up(self) -> None:
        self.asked.append("up")

    def down(self) -> None:
        self.asked.append("down")

    def build(self, image: str, **arguments: str) -> None:
        self.asked.append(f"build {image} {arguments['VERSION']}")

    def stack(self) -> None:
        self.asked.append("stack")

    def export_logs(self, folder: Path) -> None:
        self.asked.append(f"logs {folder.relative_to(ROOT)}")


def test_what_a_provider_cannot_do_is_a_skip_that_says_so() -> None:
    test = skipping()
    next(test)
    with pytest.raises(pytest.skip.Exception, match=r"^current: node-2 cannot be cut off$"):
        test.throw(CannotError("current: node-2 cannot be cut off"))


def test_and_a_row_of_the_fault_matrix() -> None:
    row = Row.skipped("node unplugged", "current: node-2 cannot be cut off", "2026-11-29")
    assert str(row).startswith("| node unplugged | skipped: current: node-2 cannot be cut off | - | - | ")
    assert str(row).endswith(" | - | 2026-11-29 |")


@pytest.mark.parametrize("code", [0, 1])
def test_a_run_ends_with_no_cluster_left(code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And where it failed, the logs are kept before."""
    monkeypatch.setitem(PROVIDERS, "recorded", RecordedProvider)
    monkeypatch.setattr(RecordedProvider, "command", lambda *_: ["bash", "-c", f"exit {code}"])
    monkeypatch.setattr(run, "API_OUTPUT", tmp_path / "api.txt")
    monkeypatch.setattr(run, "LOGS", ROOT / ".cache" / "logs-of-a-test")
    monkeypatch.setenv("PROVIDER", "recorded")
    monkeypatch.delenv("CLUSTER", raising=False)
    monkeypatch.setattr(sys, "argv", ["run", "story", "--short", "-k", "calm"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    RecordedProvider.asked.clear()
    assert run.main() == code
    logs = ["logs .cache/logs-of-a-test/scrap-story"] if code else []
    began, beside, ended = RecordedProvider.asked[:2], RecordedProvider.asked[2:4], RecordedProvider.asked[4:]
    assert began == ["setup", "up"]
    assert set(beside) == {"stack", "build localhost/scrap:dev tests"}
    assert ended == ["build localhost/scrap:next next", *logs, "down"]
