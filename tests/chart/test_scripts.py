"""The repository's shell scripts, and what is beside the chart: they fit each other and the chart."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.chart.rendering import MONITORING, ROOT, Object, one, pod_of, render, tool

FILES = [
    ROOT / name
    for name in subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
]
SHELL = [path for path in FILES if path.suffix == ".sh" or path.read_bytes()[:32].startswith(b"#!/usr/bin/env bash")]
SKAFFOLD: Object = yaml.safe_load((ROOT / "skaffold.yaml").read_text())


@pytest.mark.needs("shellcheck")
@pytest.mark.parametrize("script", SHELL, ids=lambda path: str(path.relative_to(ROOT)))
def test_shellcheck_finds_nothing(script: Path) -> None:
    command = [str(tool("shellcheck")), "-x", str(script.relative_to(ROOT))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_scripts_are_found() -> None:
    assert {"run", "up", "down", "stack", "settings.sh"} <= {path.name for path in SHELL}


@pytest.mark.parametrize("arguments", [["-h"], ["nowhere"]])
@pytest.mark.parametrize(("script", "usage"), [("up", "up kind"), ("down", "down kind"), ("stack", "stack up")])
@pytest.mark.needs("kubectl", "helm")
def test_what_they_do_not_know_they_answer_with_their_use(script: str, usage: str, arguments: list[str]) -> None:
    environment = {"PATH": f"{Path(str(tool('helm'))).parent}:/usr/bin:/bin", "HOME": "/nonexistent"}
    command = [str(ROOT / "k8s" / script), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"k8s/{usage} " in done.stderr


@pytest.mark.needs("helm")
class TestSkaffold:
    """Its own schema cannot be fetched by a test; what it has of this repository can be compared."""

    artifact: Object = SKAFFOLD["build"]["artifacts"][0]
    release: Object = SKAFFOLD["deploy"]["helm"]["releases"][0]
    patch: Object = SKAFFOLD["profiles"][0]["patches"][0]

    def test_the_files_are_there(self) -> None:
        assert (ROOT / self.artifact["docker"]["dockerfile"]).is_file()
        assert (ROOT / self.release["chartPath"] / "Chart.yaml").is_file()
        for rule in self.artifact["sync"]["manual"]:
            assert list(ROOT.glob(rule["src"])), rule["src"]
            assert rule["src"].startswith(rule["strip"])

    def test_the_image_is_the_charts(self) -> None:
        variable = re.sub(r"[^A-Za-z0-9]", "_", self.artifact["image"])
        assert self.release["setValueTemplates"] == {
            "image.repository": f"{{{{.IMAGE_REPO_{variable}}}}}",
            "image.tag": f"{{{{.IMAGE_TAG_{variable}}}}}",
        }

    def test_it_builds_the_image_that_the_chart_installs_by_itself(self) -> None:
        """So do `make image` and `k8s/up`: a clone, an image, a cluster that has it, and no flags."""
        image = pod_of(render({}))["spec"]["containers"][0]["image"]
        assert image == "localhost/scrap:dev"
        assert image.partition(":")[0] == self.artifact["image"]
        assert f"docker build --tag {image} " in (ROOT / "Makefile").read_text()
        assert f"LOCAL_IMAGE={image}\n" in (ROOT / "k8s" / "settings.sh").read_text()

    def test_what_is_forwarded_is_there(self) -> None:
        objects = render({}, knows=MONITORING, release=self.release["name"])
        for forward in SKAFFOLD["portForward"]:
            assert forward["namespace"] == self.release["namespace"]
            service = one(objects, forward["resourceType"].capitalize(), forward["resourceName"])
            assert forward["port"] in {port["port"] for port in service["spec"]["ports"]}

    def test_the_pod_of_dev_runs_what_is_copied_into_it(self) -> None:
        assert self.patch["path"] == "/deploy/helm/releases/0/valuesFiles"
        values = [yaml.safe_load((ROOT / path).read_text()) for path in self.patch["value"]]
        assert len(values) == 1
        container = pod_of(render(values[0]))["spec"]["containers"][0]
        mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
        (rule,) = self.artifact["sync"]["manual"]
        assert rule["dest"] in mounts
        assert {"name": "PYTHONPATH", "value": rule["dest"]} in container["env"]
        assert rule["dest"] in json.dumps(container["command"])
