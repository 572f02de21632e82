"""The mysteries of the course: chosen, made, hinted at, hidden and undone, on a cluster that is a dictionary."""

import copy
import json
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.chart.rendering import ROOT
from tests.cluster import clusters
from tests.cluster.clusters import CommandError, Namespace, Object
from tests.cluster.course import mystery, reader_cluster, record, stage
from tests.cluster.course.mysteries import BY_NAME, MYSTERIES, Mystery
from tests.cluster.course.patches import difference
from tests.cluster.story import town

IMAGE = "registry.example/scrap:1"
DEPLOYMENTS = ("scrap", "scrap-operator", "web", "load")
NAMES = [each.name for each in MYSTERIES]


def patched(target: Any, patch: Any) -> Any:
    """RFC 7386, as the API server does it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = patched(result.get(name), value)
    return result


def deployment(name: str) -> Object:
    found = town.deployment(name, "load", {"PAUSE": "1"})
    container = found["spec"]["template"]["spec"]["containers"][0]
    container["image"] = IMAGE
    container["resources"] = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "384Mi"}}
    return found


class MysteryCluster:
    """kubectl, by what the mysteries do with it.

    Attributes:
        objects: by namespace and name.
        waited: the Deployments whose rollout was waited for.
    """

    def __init__(self) -> None:
        monitor = {"kind": "ServiceMonitor", "metadata": {"labels": {"release": "kube-prometheus-stack"}}}
        selector = {"spec": {"selector": {"app.kubernetes.io/component": "service"}}}
        self.objects: dict[tuple[str, str], Object] = {
            ("kube-system", "deployment/coredns"): {"spec": {"replicas": 2}},
            ("monitoring", "alertmanager/kube-prometheus-stack-alertmanager"): {"spec": {"replicas": 1}},
            ("scrap", "service/scrap"): selector,
            ("scrap", "servicemonitor/scrap"): monitor,
            ("scrap", "secret/scrap-slack"): {"data": {"critical": "aA==", "warning": "aA=="}},
            **{
                ("scrap", f"deployment/{name}"): deployment(name) for name in ("scrap", "scrap-operator", "web", "load")
            },
        }
        self.waited: list[str] = []

    def run(self, *command: str, given: str | None = None) -> str:
        """What kubectl prints."""
        match command:
            case ("kubectl", "config", "current-context"):
                return "kind-scrap\n"
            case ("kubectl", "--namespace", namespace, "get", *what, "-o", form):
                kind, _, name = what[0].partition("/")
                found = self.objects.get((namespace, f"{kind}/{name or what[1]}"))
                assert found or "--ignore-not-found" in what, what
                return (json.dumps(found) if form == "json" else what[0]) if found else ""
            case ("kubectl", "--namespace", namespace, "create", "-f", "-"):
                made = json.loads(given or "")
                key = namespace, f"{made['kind'].lower()}/{made['metadata']['name']}"
                assert key not in self.objects
                strings = made.pop("stringData", {})
                encoded = {name: b64encode(text.encode()).decode() for name, text in strings.items()}
                self.objects[key] = {**made, **({"data": encoded} if encoded else {})}
            case ("kubectl", "--namespace", namespace, "patch", target, "--type", "merge", "--patch", patch):
                self.objects[namespace, target] = patched(self.objects[namespace, target], json.loads(patch))
            case ("kubectl", "--namespace", namespace, "delete", "secret", name):
                del self.objects[namespace, f"secret/{name}"]
            case ("kubectl", "--namespace", namespace, "delete", _, "--selector", label):
                name, value = label.split("=")
                for key, each in list(self.objects.items()):
                    if key[0] == namespace and each.get("metadata", {}).get("labels", {}).get(name) == value:
                        del self.objects[key]
            case ("kubectl", "--namespace", _, "rollout", "status", target, _):
                self.waited.append(target)
            case _:
                raise AssertionError(command)
        return ""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> MysteryCluster:
    found = MysteryCluster()
    for module in (clusters, reader_cluster):
        monkeypatch.setattr(module, "run", found.run)
    monkeypatch.setattr(mystery, "ask", lambda query: f"{{}} 1 of {query}")
    return found


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of `make mystery` or `make reveal`."""
    monkeypatch.setattr(sys, "argv", ["mystery", *arguments])
    return mystery.main()


# The choice.


def test_there_are_eighteen() -> None:
    assert len(set(NAMES)) == len(NAMES) == 18


def test_a_seed_gives_the_same_one_and_all_are_chosen() -> None:
    chosen = [mystery.choose(seed, "").name for seed in range(500)]
    assert chosen == [mystery.choose(seed, "").name for seed in range(500)]
    assert set(chosen) == set(NAMES)
    assert mystery.choose(None, "quota").name == "quota"


def test_without_a_seed_it_is_chance() -> None:
    assert len({mystery.choose(None, "").name for _ in range(200)}) > 3


# Breaking, hiding, undoing.


@pytest.mark.parametrize("name", NAMES)
def test_it_breaks_one_thing_and_undoes_it(
    name: str, cluster: MysteryCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, found = copy.deepcopy(cluster.objects), BY_NAME[name]
    assert command(monkeypatch, "mystery", "--which", name) == 0
    said = capsys.readouterr()
    assert not any(word in said.out + said.err for word in (name, found.broken, found.target or name))

    changed = {key for key, each in cluster.objects.items() if each != before.get(key)} - {("scrap", "secret/mystery")}
    created = {key for key in changed if key not in before}
    assert changed - created == ({(found.where or "scrap", found.target)} if found.target else set())
    assert len(created) == bool(found.created)
    assert "NAMESPACE" not in json.dumps([cluster.objects[key] for key in created])

    assert command(monkeypatch, "reveal") == 0
    said = capsys.readouterr()
    assert f"{name}: {found.broken}" in said.out
    assert "NAMESPACE" not in said.out
    assert cluster.objects == before
    assert cluster.waited == [found.target] * found.target.startswith("deployment/")


def test_it_is_repaired_without_prometheus_too(
    cluster: MysteryCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unanswered(_: str) -> str:
        raise CommandError("no endpoints available")

    before = copy.deepcopy(cluster.objects)
    command(monkeypatch, "mystery", "--which", "monitor-label")
    monkeypatch.setattr(mystery, "ask", unanswered)
    assert command(monkeypatch, "reveal") == 0
    assert "Prometheus does not respond" in capsys.readouterr().out
    assert cluster.objects == before


@pytest.mark.parametrize("name", NAMES)
def test_what_kubectl_shows_of_the_record_says_nothing(
    name: str, cluster: MysteryCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(monkeypatch, "mystery", "--which", name)
    shown = json.dumps(cluster.objects["scrap", "secret/mystery"])
    assert name not in shown
    assert record.read(Namespace("scrap").kubectl) is not None


def test_a_pod_that_is_created_runs_the_image_of_the_release(
    cluster: MysteryCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(monkeypatch, "mystery", "--which", "forbidden-wave")
    (container,) = cluster.objects["scrap", "deployment/crawler"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2, "b": {"c": 3}}, {"a": 2, "b": {"c": 3}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
        ({"a": [1, 2]}, {"a": [2]}, {"a": [2]}),
    ],
)
def test_a_difference_leads_from_one_to_the_other_and_back(before: Object, after: Object, patch: Object) -> None:
    assert difference(before, after) == patch
    assert patched(before, patch) == after
    assert patched(after, difference(after, before)) == before


# Refusals.


def test_one_mystery_at_a_time(
    cluster: MysteryCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(monkeypatch, "mystery", "--which", "quota")
    before = copy.deepcopy(cluster.objects)
    assert command(monkeypatch, "mystery") == 1
    assert "`make reveal` ends it" in capsys.readouterr().err
    assert cluster.objects == before


@pytest.mark.parametrize("options", [[], ["--remove"]])
def test_the_course_is_not_changed_below_a_mystery(
    options: list[str], cluster: MysteryCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it breaks would be mixed with what the course sets, and its record would be lost."""
    command(monkeypatch, "mystery", "--which", "quota")
    before = copy.deepcopy(cluster.objects)
    monkeypatch.setattr(sys, "argv", ["course", *options])
    assert stage.main() == 1
    assert "`make reveal` ends it" in capsys.readouterr().err
    assert cluster.objects == before


def test_without_a_load_nothing_is_broken(
    cluster: MysteryCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del cluster.objects["scrap", "deployment/load"]
    before = copy.deepcopy(cluster.objects)
    assert command(monkeypatch, "mystery") == 1
    assert "make course" in capsys.readouterr().err
    assert cluster.objects == before


@pytest.mark.usefixtures("cluster")
def test_nothing_to_reveal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(monkeypatch, "reveal") == 1
    assert "There is no mystery" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["mystery", "reveal"])
def test_a_foreign_cluster_is_left_alone(
    action: str, cluster: MysteryCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reader_cluster, "run", lambda *_: "production\n")
    before = copy.deepcopy(cluster.objects)
    for named in ([], ["--context", "staging"]):
        assert command(monkeypatch, action, *named) == 1
        assert "ARGS='--context production'" in capsys.readouterr().err
    assert cluster.objects == before


@pytest.mark.parametrize("context", ["kind-scrap", "minikube", "docker-desktop", "k3d-one", "colima"])
def test_clusters_of_this_machine_are_played_on(context: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_cluster, "run", lambda *_: f"{context}\n")
    reader_cluster.check_context("")


def test_a_foreign_cluster_that_is_named_is_played_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_cluster, "run", lambda *_: "staging\n")
    reader_cluster.check_context("staging")


# Hints.


@pytest.mark.parametrize("found", MYSTERIES, ids=NAMES)
def test_a_hint_a_minute(found: Mystery, capsys: pytest.CaptureFixture[str]) -> None:
    waits: list[float] = []
    mystery.give_hints(found, waits.append)
    assert waits == [60] * 3
    assert capsys.readouterr().out.splitlines() == [f"Hint {n} of 3: {hint}" for n, hint in enumerate(found.hints, 1)]


def test_hints_for_the_mystery_that_is_there(
    cluster: MysteryCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hinted: list[Mystery] = []
    monkeypatch.setattr(mystery, "give_hints", hinted.append)
    command(monkeypatch, "mystery", "--which", "quota")
    capsys.readouterr()
    before = copy.deepcopy(cluster.objects)
    assert command(monkeypatch, "mystery", "--hints") == 0
    assert hinted == [BY_NAME["quota"]]
    assert capsys.readouterr().out == ""
    assert cluster.objects == before


def test_interrupted_hints_leave_the_mystery(cluster: MysteryCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Mystery) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mystery, "give_hints", interrupted)
    assert command(monkeypatch, "mystery", "--hints") == 0
    assert ("scrap", "secret/mystery") in cluster.objects


# What is revealed exists.


def titles(dashboard: str) -> set[str]:
    """The titles of a dashboard's panels."""
    path: Path = ROOT / "charts/scrap/dashboards" / f"{dashboard.lower()}.json"

    def within(panels: list[Object]) -> set[str]:
        inner = [within(panel.get("panels", [])) for panel in panels]
        return {panel.get("title", "") for panel in panels}.union(*inner)

    return within(json.loads(path.read_text())["panels"])


@pytest.mark.parametrize("found", MYSTERIES, ids=NAMES)
def test_alerts_runbooks_and_panels_exist(found: Mystery) -> None:
    rules = "".join(path.read_text() for path in (ROOT / "charts/scrap/rules").glob("*.yaml"))
    if found.alert:
        assert f"alert: {found.alert}\n" in rules
        assert (ROOT / f"docs/runbooks/{found.alert}.md").is_file()
    dashboard, _, panels = found.panel.partition(": ")
    for panel in panels.split("; "):
        assert panel == "every panel is empty" or panel.partition(" (")[0] in titles(dashboard), panel


def test_one_has_no_alert() -> None:
    """As docs/course/4-mystery.md says."""
    assert [found.name for found in MYSTERIES if not found.alert] == ["wrong-selector"]
