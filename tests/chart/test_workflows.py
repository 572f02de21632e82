"""The workflows of GitHub: none runs here, so each command of theirs is a target of the Makefile or a tested script."""

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.chart.rendering import CACHE, ROOT, Object, tool

GITHUB = ROOT / ".github"
WORKFLOWS: dict[str, Object] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted((GITHUB / "workflows").glob("*.yml"))
}
MAKEFILE = (ROOT / "Makefile").read_text()
STEPS_OF_A_RELEASE = ["check", "stage", "image", "chart", "sign", "publish", "site"]


def steps(workflow: Object) -> Iterator[Object]:
    """Every step of every job."""
    for job in workflow["jobs"].values():
        yield from job.get("steps", [])


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_command_is_a_target_or_a_script(name: str) -> None:
    for step in steps(WORKFLOWS[name]):
        if command := step.get("run"):
            program, *arguments = command.split()
            if program == "make":
                targets = [word for word in arguments if "=" not in word]
                assert targets
                for target in targets:
                    assert re.search(rf"^{target}: ", MAKEFILE, re.MULTILINE), command
            else:
                assert os.access(ROOT / program, os.X_OK), command
                assert arguments == (["kind"] if program == "k8s/up" else []), command


def test_the_release_takes_every_step_in_order() -> None:
    commands = [step["run"] for step in steps(WORKFLOWS["release"]) if "run" in step]
    assert commands == [f"make release STEP={step}" for step in STEPS_OF_A_RELEASE]
    assert WORKFLOWS["release"]["jobs"]["release"]["needs"] == "ci"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_an_action_is_pinned_and_says_its_version(name: str) -> None:
    text = (GITHUB / "workflows" / f"{name}.yml").read_text()
    for line in re.findall(r"uses: (.*)", text):
        if not line.startswith("./"):
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)


def test_an_action_has_one_version() -> None:
    """And docs/releasing.md says where each was seen."""
    found: dict[str, set[str]] = {}
    for path in (GITHUB / "workflows").glob("*.yml"):
        for action, commit in re.findall(r"uses: ([\w.-]+/[\w.-]+)[\w./-]*@([0-9a-f]{40})", path.read_text()):
            found.setdefault(action, set()).add(commit)
    assert [action for action, commits in found.items() if len(commits) > 1] == []
    page = (ROOT / "docs" / "releasing.md").read_text()
    assert [action for action in found if f"`{action}`" not in page] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_permissions_are_given_to_jobs_alone(name: str) -> None:
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"]["contents"] in {"read", "write"}
        assert "steps" not in job or job["timeout-minutes"]
    if name != "release":
        assert {job["permissions"]["contents"] for job in workflow["jobs"].values()} == {"read"}


def test_the_tests_run_on_the_oldest_the_newest_and_the_images_python() -> None:
    versions = WORKFLOWS["ci"]["jobs"]["test"]["strategy"]["matrix"]["python"]
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    image = re.search(r"python:(\d\.\d+)", (ROOT / "Dockerfile").read_text())
    assert image
    assert versions[0] == oldest
    assert image[1] in versions
    assert versions == sorted(versions, key=lambda version: int(version.partition(".")[2]))


def test_dependencies_are_grouped_and_wait() -> None:
    configuration = yaml.safe_load((GITHUB / "dependabot.yml").read_text())
    assert {update["package-ecosystem"] for update in configuration["updates"]} == {"github-actions", "uv", "docker"}
    for update in configuration["updates"]:
        assert update["cooldown"]["default-days"] >= 7
        assert update["groups"]


def script(name: str, path: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A script of the workflows, with just these programs on the PATH."""
    given = {"PATH": path, "HOME": os.environ["HOME"], **environment}
    return subprocess.run([GITHUB / "scripts" / name], env=given, capture_output=True, text=True, check=False)


def test_actionlint_finds_nothing_or_is_said_to_be_missing() -> None:
    done = script("actionlint", os.environ["PATH"])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("go", ["", "false"], ids=["no Go", "no module"])
@pytest.mark.parametrize(("workflow", "code"), [("", 0), ("true", 1)])
def test_without_actionlint_only_a_workflow_fails(workflow: str, code: int, go: str, tmp_path: Path) -> None:
    for name in ("bash", "dirname", "env"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    if go:
        (tmp_path / "go").symlink_to(f"/usr/bin/{go}")
    copied = tmp_path / "repository/.github/scripts/actionlint"  # where no actionlint was built yet
    copied.parent.mkdir(parents=True)
    shutil.copy(GITHUB / "scripts/actionlint", copied)
    environment = {"PATH": str(tmp_path), "GITHUB_ACTIONS": workflow}
    done = subprocess.run([copied], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert "because it is not installed and Go did not build it" in done.stderr


@pytest.mark.needs("shellcheck")
def test_packages_that_are_there_are_not_installed(tmp_path: Path) -> None:
    there = ("redis-server", "shellcheck", "zsh", "fish")
    for name, target in {"bash": "bash", "env": "env", **dict.fromkeys(there, "true")}.items():
        (tmp_path / name).symlink_to(f"/usr/bin/{target}")
    done = script("packages", str(tmp_path))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_packages_that_are_missing_are_installed(tmp_path: Path) -> None:
    for name in ("bash", "env", "true"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    (tmp_path / "redis-server").symlink_to("/usr/bin/true")
    (tmp_path / "sudo").write_text('#!/usr/bin/env bash\necho "$*"\n')
    (tmp_path / "sudo").chmod(0o755)
    done = script("packages", str(tmp_path))
    assert done.stdout.splitlines()[-1] == "apt-get install -y -qq --no-install-recommends shellcheck zsh fish"


def test_the_dashboards_are_asked_for_after_requests(tmp_path: Path) -> None:
    """With programs that write down how they were called."""
    for name in ("helm", "kubectl", "make"):
        program = tmp_path / name
        program.write_text(
            '#!/usr/bin/env bash\necho "${0##*/} $*" >>"$WRITTEN"\n'
            '[ "${0##*/}" != make ] || echo "with $GRAFANA_PASSWORD" >>"$WRITTEN"\n'
            'case $* in *port-forward*) exec sleep 60 ;; *"get secret"*) echo c2VjcmV0 ;; esac\n'
        )
        program.chmod(0o755)
    written = tmp_path / "written"
    done = script("dashboards", f"{tmp_path}:/usr/bin:/bin", WRITTEN=str(written))
    assert done.returncode == 0, done.stderr
    lines = [line for line in written.read_text().splitlines() if "port-forward" not in line]
    assert lines[0] == "helm --namespace scrap test scrap"
    assert lines[-4:] == [
        "make dashboards-check ARGS=--may-be-empty 'Firing alerts' --may-be-empty 'Alerts for a person'",
        "with secret",
        "make dashboards-preview FOLDER=.cache/dashboards",
        "with secret",
    ]


TOOLS = ("helm3", "helm-docs", "kube-score", "promtool", "prometheus", "alertmanager", "amtool")


@pytest.mark.needs(*TOOLS)
def test_tools_that_are_there_are_not_copied() -> None:
    path = f"{Path(str(tool('helm-docs'))).parent}:/usr/bin:/bin"
    done = script("tools", path, SCRAP_CLUSTER_CACHE=str(CACHE))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_tools_that_are_missing_are_copied_to_where_the_tests_look(tmp_path: Path) -> None:
    """Docker is a script that makes what it would copy."""
    docker = tmp_path / "docker"
    docker.write_text(
        '#!/usr/bin/env bash\n[ "$1" != create ] || echo made\n'
        '[ "$1" != cp ] || { echo x >"$3"; chmod +x "$3"; echo "$2" >>"$SCRAP_CLUSTER_CACHE/copied"; }\n'
    )
    docker.chmod(0o755)
    done = script("tools", f"{tmp_path}:/usr/bin:/bin", SCRAP_CLUSTER_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "cache" / "bin").iterdir()} == set(TOOLS)
