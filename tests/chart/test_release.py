"""A release, but for what pushes and signs: a dry run whole, and the other steps with commands that only write down."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from scripts.release import PLATFORMS, Release, ReleaseError, check, do, notes, python_version
from tests.chart.rendering import CACHE, CHART, ROOT, Object, container_of, one, tool

pytestmark = pytest.mark.needs("helm")

SECTION = "### Added\n\n- A thing.\n"
CHANGELOG = (
    f"# Changelog\n\n## [Unreleased]\n\n- Later.\n\n## [0.1.0] - 2026-12-01\n\n{SECTION}\n## [0.0.9]\n\n- Before.\n"
)
DIGEST = "sha256:" + "5" * 64
OF_CHART = "sha256:" + "6" * 64

# In place of what pushes and signs: each writes its arguments down, and what the real one would leave.
STUB = f"""#!{sys.executable}
import json, os, pathlib, sys
name = os.path.basename(sys.argv[0])
if name == "helm" and sys.argv[1] != "push":
    os.execv({str(tool("helm"))!r}, ["helm", *sys.argv[1:]])
with open(os.environ["WRITTEN"], "a") as file:
    file.write(json.dumps([name, *sys.argv[1:]]) + "\\n")
for argument in sys.argv:
    if argument.startswith("--metadata-file="):
        pathlib.Path(argument.partition("=")[2]).write_text('{{"containerimage.digest": "{DIGEST}"}}')
if name == "helm":
    print("Pushed: somewhere\\nDigest: {OF_CHART}")
"""


PATH = f"{CACHE / 'bin'}:{os.environ['PATH']}"  # Helm is on it, as on the machine that releases


def copied(root: Path) -> Path:
    """The source tree at a tag: of what a release reads, a copy."""
    for name in ("charts", "service"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "uv.lock", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, root)
    (root / "CHANGELOG.md").write_text(CHANGELOG)
    return root


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One of a test's own."""
    return copied(tmp_path / "tree")


def release(root: Path, tag: str = "v0.1.0", repository: str = "Some/Repo") -> Release:
    """What a tag of a repository releases."""
    return Release(tag, repository, "https://github.com", "ghcr.io", root)


def packaged(root: Path, file: str) -> str:
    """A file of the packaged chart."""
    with tarfile.open(root / "dist" / "scrap-0.1.0.tgz") as archive:
        member = archive.extractfile(f"scrap/{file}")
        assert member
        return member.read().decode()


def script(root: Path, step: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, as the Makefile runs it in a workflow."""
    command = [sys.executable, "-m", "scripts.release", step, "--root", str(root)]
    given = {
        "PATH": PATH,
        "GITHUB_REF_NAME": "v0.1.0",
        "GITHUB_REPOSITORY": "Some/Repo",
        "GITHUB_SERVER_URL": "https://github.com",
    }
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **given, **environment}, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A tree after a dry run, and what that said."""
    tree = copied(tmp_path_factory.mktemp("release") / "tree")
    done = script(tree, "dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    return tree, done.stdout


class TestDryRun:
    """All but what pushes and signs."""

    def test_it_says_what_else_would_run(self, run: tuple[Path, str]) -> None:
        programs = re.findall(r"^would run: (\w+ \w+)", run[1], re.MULTILINE)
        assert programs == [
            "docker buildx",
            "helm push",
            "cosign sign",
            "cosign sign",
            "gh release",
            "mike deploy",
            "mike set",
        ]

    def test_the_notes_are_the_section_of_this_version(self, run: tuple[Path, str]) -> None:
        assert (run[0] / "dist" / "notes.md").read_text() == SECTION

    def test_the_dependencies_are_listed(self, run: tuple[Path, str]) -> None:
        listed = json.loads((run[0] / "dist" / "sbom.cdx.json").read_text())
        assert "uvicorn" in {component["name"] for component in listed["components"]}

    def test_the_chart_has_the_names_of_its_repository_and_tag(self, run: tuple[Path, str]) -> None:
        metadata = yaml.safe_load(packaged(run[0], "Chart.yaml"))
        assert metadata["annotations"]["scrap.dev/chart"] == "oci://ghcr.io/some/repo/charts/scrap"
        assert metadata["sources"] == ["https://github.com/Some/Repo/tree/v0.1.0"]
        assert metadata["icon"] == "https://github.com/Some/Repo/raw/v0.1.0/charts/scrap/icon.svg"
        images = yaml.safe_load(metadata["annotations"]["artifacthub.io/images"])
        assert images == [{"name": "scrap", "image": "ghcr.io/some/repo:0.1.0"}]

    def test_the_chart_renders_them(self, run: tuple[Path, str]) -> None:
        package = run[0] / "dist" / "scrap-0.1.0.tgz"
        flags = ["--namespace", "demo", "--api-versions", "monitoring.coreos.com/v1"]
        command = [str(tool("helm")), "template", "scrap", str(package), *flags]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        objects: list[Object] = [item for item in yaml.load_all(text, Loader=yaml.CSafeLoader) if item]
        assert container_of(objects)["image"] == "ghcr.io/some/repo:0.1.0"
        pages = "https://github.com/Some/Repo/blob/v0.1.0/docs"
        agent = f"Mozilla/5.0 (compatible; scrapbot/0.1.0; +{pages}/fetching.md)"
        assert one(objects, "ConfigMap")["data"]["SCRAP_USER_AGENT"] == agent
        assert f"runbook_url: {pages}/runbooks/ScrapDown.md" in text
        assert "127.0.0.1:8000" not in text
        assert "localhost/scrap" not in text

    def test_its_notes_need_no_clone(self, run: tuple[Path, str]) -> None:
        package = run[0] / "dist" / "scrap-0.1.0.tgz"
        flags = ["--set", "operator.enabled=true,crds.upgrade=false,monitoring.alertmanagerConfig.enabled=true"]
        command = [
            str(tool("helm")),
            "install",
            "scrap",
            str(package),
            "--namespace",
            "demo",
            "--dry-run=client",
            *flags,
        ]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition("\nNOTES:\n")[2]
        here = "oci://ghcr.io/some/repo/charts/scrap --version 0.1.0"
        assert f"helm -n demo upgrade scrap {here} --reset-then-reuse-values\n" in text
        assert f"helm show crds {here} | kubectl apply --server-side --force-conflicts -f -\n" in text
        assert "https://github.com/Some/Repo/blob/v0.1.0/docs/slack.md describes" in text
        assert "kubectl -n demo create secret generic scrap-slack" in text
        assert not re.search(r"charts/scrap(?! --version)|\bmake |repository's root", text)

    @pytest.mark.parametrize("helm", [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("helm", "helm3")])
    def test_its_crd_comes_first_or_alone(self, helm: str, run: tuple[Path, str]) -> None:
        package = str(run[0] / "dist" / "scrap-0.1.0.tgz")
        committed = yaml.safe_load((CHART / "crds" / "alertscalers.yaml").read_text())
        program = str(tool(helm))
        alone = subprocess.run([program, "show", "crds", package], capture_output=True, text=True, check=True).stdout
        assert yaml.safe_load(alone) == committed
        command = [program, "template", "scrap", package, "--include-crds"]
        first = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert next(yaml.load_all(first, Loader=yaml.CSafeLoader)) == committed

    def test_its_readme_needs_no_clone(self, run: tuple[Path, str]) -> None:
        readme = packaged(run[0], "README.md")
        assert "helm install scrap oci://ghcr.io/some/repo/charts/scrap --version 0.1.0 --namespace scrap" in readme
        assert '"localhost/scrap"' not in readme

    def test_nothing_else_is_in_it(self, run: tuple[Path, str]) -> None:
        with tarfile.open(run[0] / "dist" / "scrap-0.1.0.tgz") as archive:
            files = {name.removeprefix("scrap/") for name in archive.getnames()}
        assert {"values.schema.json", "files/crd.py", "charts/crds/crds/alertscalers.yaml"} <= files
        assert not [name for name in files if name.startswith("crds/") or name.endswith((".pyc", ".svg", ".gotmpl"))]


def test_the_steps_that_push_and_sign(tree: Path, tmp_path: Path) -> None:
    """In the workflow's order; everything is signed by the digest that was pushed."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("docker", "helm", "cosign", "gh"):
        (programs / name).write_text(STUB)
        (programs / name).chmod(0o755)
    written = tmp_path / "written"
    for step in ("check", "stage", "image", "chart", "sign", "publish"):
        done = script(tree, step, PATH=f"{programs}:{PATH}", WRITTEN=str(written))
        assert done.returncode == 0, done.stdout + done.stderr
    image, chart, *signed, published = [json.loads(line) for line in written.read_text().splitlines()]
    assert image[:3] == ["docker", "buildx", "build"]
    assert {f"--platform={PLATFORMS}", "--push", "--sbom=true", "--provenance=mode=max"} <= set(image)
    assert "--tag=ghcr.io/some/repo:0.1.0" in image
    assert "--build-arg=SOURCE=https://github.com/Some/Repo" in image
    assert "--build-arg=DOCUMENTATION=https://github.com/Some/Repo/blob/v0.1.0/docs" in image
    assert chart == ["helm", "push", str(tree / "dist" / "scrap-0.1.0.tgz"), "oci://ghcr.io/some/repo/charts"]
    assert [command[-1] for command in signed] == [
        f"ghcr.io/some/repo@{DIGEST}",
        f"ghcr.io/some/repo/charts/scrap@{OF_CHART}",
    ]
    assert published[:4] == ["gh", "release", "create", "v0.1.0"]
    assert all(Path(file).is_file() for file in published[-2:])
    assert "--prerelease" not in published


def test_nothing_is_signed_that_was_not_pushed(tree: Path) -> None:
    with pytest.raises(ReleaseError, match="push both first"):
        do("sign", release(tree))


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("v0.2.0", "pyproject.toml: version is 0.1.0, and v0.2.0 needs 0.2.0"),
        ("v0.2.0", r"Chart.yaml: version is 0.1.0"),
        ("v0.2.0", r"Chart.yaml: appVersion is 0.1.0"),
        ("0.1.0", "is no tag of a release"),
        ("v0.1", "is no tag of a release"),
        ("v0.1.0; true", "is no tag of a release"),
    ],
)
def test_a_tag_that_is_not_the_version_is_refused(tag: str, words: str, tree: Path) -> None:
    with pytest.raises(ReleaseError, match=words):
        check(release(tree, tag))


def test_a_repository_is_needed(tree: Path) -> None:
    with pytest.raises(ReleaseError, match="is no repository"):
        check(release(tree, repository=""))


@pytest.mark.parametrize("changelog", ["# Changelog\n\n## [0.0.9]\n", "## [0.1.0]\n\n## [0.0.9]\n\n- Before.\n"])
def test_a_version_without_a_section_is_refused(changelog: str, tree: Path) -> None:
    (tree / "CHANGELOG.md").write_text(changelog)
    with pytest.raises(ReleaseError, match=r"no section ## \[0.1.0\]"):
        notes(release(tree))


def test_a_chart_that_changed_its_default_is_not_released_with_it(tree: Path) -> None:
    values = tree / "charts" / "scrap" / "values.yaml"
    values.write_text(values.read_text().replace("repository: localhost/scrap", "repository: localhost/other"))
    done = script(tree, "dry-run")
    assert done.returncode == 1
    assert "does not know where to write 'repository: ghcr.io/some/repo" in done.stderr


@pytest.mark.parametrize(("version", "python"), [("1.2.3", "1.2.3"), ("1.2.3-rc.1", "1.2.3rc1")])
def test_a_version_before_a_release_is_pythons(version: str, python: str) -> None:
    assert python_version(version) == python


NAMED = ["README.md", "Dockerfile", "Makefile", "pyproject.toml", "skaffold.yaml", "charts", "k8s", "scripts"]


@pytest.mark.parametrize("place", NAMED)
def test_a_source_tree_names_no_registry_or_repository_of_its_own(place: str) -> None:
    """What is named is the public's, an example's or this machine's; a release writes its own."""
    found = [ROOT / place] if (ROOT / place).is_file() else (ROOT / place).rglob("*")
    known = re.compile(
        r"ghcr\.io/(prometheus-community|OWNER)\b|(ghcr\.io|github\.com)(?![/\w.])|github\.com/prometheus"
    )
    for file in found:
        if file.is_file() and file.suffix not in {".pyc", ".png", ".json"}:
            for line in file.read_text().splitlines():
                if re.search(r"ghcr\.io|github\.com", line):
                    assert known.search(line), f"{file.relative_to(ROOT)}: {line}"


def test_the_icon_is_the_file() -> None:
    metadata = yaml.safe_load((CHART / "Chart.yaml").read_text())
    kind, _, text = metadata["icon"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(text).decode() == (CHART / "icon.svg").read_text().strip()
