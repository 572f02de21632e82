"""The samples for other tools: what they name is there, and their values are the chart's."""

import re
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CHART, MONITORING, NAMESPACE, ROOT, Object, one, render

pytestmark = pytest.mark.needs("helm")

SAMPLES = ROOT / "k8s" / "samples"
VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]


def sample(name: str, kind: str) -> Any:
    """The spec of a sample's object."""
    objects = list(yaml.safe_load_all((SAMPLES / f"{name}.yaml").read_text()))
    (found,) = [item for item in objects if item["kind"] == kind]
    return found["spec"]


class TestKeda:
    """It scales what the chart makes, by what the service measures."""

    spec: Object = sample("keda", "ScaledObject")

    def test_the_target_is_the_charts_and_its_replicas_are_left_to_keda(self) -> None:
        deployment = one(render({"replicaCount": None}), "Deployment", self.spec["scaleTargetRef"]["name"])
        assert "replicas" not in deployment["spec"]

    def test_the_metric_is_the_services(self) -> None:
        (trigger,) = self.spec["triggers"]
        query = trigger["metadata"]["query"]
        (metric,) = re.findall(r"scrap_\w+", query)
        assert f"| `{metric}` | gauge |" in (ROOT / "docs" / "metrics.md").read_text()
        job = one(render({}, knows=MONITORING), "ServiceMonitor")["spec"]["endpoints"][0]["relabelings"][0]
        assert f'job="{job["replacement"]}"' in query

    def test_no_series_is_not_no_load(self) -> None:
        assert self.spec["triggers"][0]["metadata"]["ignoreNullValues"] == "false"
        assert self.spec["fallback"]["replicas"] >= self.spec["minReplicaCount"]


GITOPS = {
    "argocd": sample("argocd", "Application")["source"]["helm"]["valuesObject"],
    "flux": sample("flux", "HelmRelease")["values"],
}


@pytest.mark.parametrize("tool", GITOPS)
def test_the_values_are_the_charts(tool: str) -> None:
    objects = render(GITOPS[tool], knows=MONITORING)
    assert one(objects, "AlertScaler")["spec"]["mode"] == "DryRun"
    assert "replicas" not in one(objects, "Deployment")["spec"]
    assert one(objects, "ServiceMonitor")["metadata"]["namespace"] == NAMESPACE
    assert not [item for item in objects if item["kind"] == "Job"], "these tools upgrade the CRD themselves"


def test_the_version_is_this_one() -> None:
    assert sample("argocd", "Application")["source"]["targetRevision"] == VERSION
    major, minor, _ = VERSION.split(".")
    assert sample("flux", "OCIRepository")["ref"]["semver"] == f"{major}.{minor}.x"


def test_both_name_the_chart_as_a_release_pushes_it() -> None:
    argocd = sample("argocd", "Application")["source"]
    assert f"oci://{argocd['repoURL']}/{argocd['chart']}" == sample("flux", "OCIRepository")["url"]
    assert sample("flux", "OCIRepository")["url"] == "oci://ghcr.io/OWNER/REPO/charts/scrap"


def test_the_signature_is_the_release_workflows() -> None:
    (identity,) = sample("flux", "OCIRepository")["verify"]["matchOIDCIdentity"]
    signed = "https://github.com/OWNER/REPO/.github/workflows/release.yml@refs/tags/v0.1.0"
    assert re.fullmatch(identity["subject"], signed)
    assert (ROOT / ".github" / "workflows" / "release.yml").is_file()
    assert re.fullmatch(identity["issuer"], "https://token.actions.githubusercontent.com")


def test_the_autoscaler_of_the_documents_is_taken() -> None:
    (block,) = re.findall(r"```yaml\n(autoscaling:.*?)```", (ROOT / "docs" / "install.md").read_text(), re.DOTALL)
    (metric,) = one(render(yaml.safe_load(block)), "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == "scrap_admission_saturation_ratio"
