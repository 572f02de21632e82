"""The steps of a release: `make release STEP=…`, each of which .github/workflows/release.yml runs in turn.

    check    the tag is the version of the project, of the chart and of its image, and CHANGELOG.md has a section on it
    stage    dist/: the section (notes.md), the chart (scrap-VERSION.tgz) and the dependencies (sbom.cdx.json)
    image    builds the image for two platforms and pushes it, with its SBOM and its provenance
    chart    pushes the chart
    sign     signs both, keyless: cosign gets a certificate for the workflow that runs it
    publish  the release on GitHub, with what is in dist/
    site     builds the site of the documents, and pushes it to gh-pages beside those of other versions
    dry-run  check and stage, and which commands the others would run

The chart of a source tree names no registry and no repository. Here the names of the repository that is released are
written into a copy of it: the image's repository, the URL of the documents at the tag, where the chart is pushed to.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import yaml

PLATFORMS = "linux/amd64,linux/arm64"
UNKNOWN = "sha256:…"  # the digest of what was not pushed


class ReleaseError(Exception):
    """This cannot be released; the message says why."""


@dataclass(frozen=True)
class Release:
    """What is released, from where, and to where.

    Attributes:
        tag: `v1.2.3`, or `v1.2.3-rc.1`.
        repository: `owner/name`.
        server: the URL of its server.
        registry: where image and chart are pushed to.
        root: the source tree.
    """

    tag: str
    repository: str
    server: str
    registry: str
    root: Path

    @property
    def version(self) -> str:
        """The version, as Helm and the image's tag have it."""
        return self.tag.removeprefix("v")

    @property
    def image(self) -> str:
        """The image's repository; registries allow no upper case."""
        return f"{self.registry}/{self.repository}".lower()

    @property
    def charts(self) -> str:
        """What the chart is pushed below."""
        return f"oci://{self.image}/charts"

    @property
    def pages(self) -> str:
        """The source tree at the tag, to read."""
        return f"{self.server}/{self.repository}/blob/{self.tag}"

    @property
    def raw(self) -> str:
        """The chart's icon at the tag."""
        return f"{self.server}/{self.repository}/raw/{self.tag}/charts/scrap/icon.svg"

    @property
    def dist(self) -> Path:
        """Where the files of the release are made."""
        return self.root / "dist"

    @property
    def package(self) -> Path:
        """The chart, packaged."""
        return self.dist / f"scrap-{self.version}.tgz"


def python_version(version: str) -> str:
    """A version as Python has it: 1.2.3-rc.1 is 1.2.3rc1."""
    return re.sub(r"-(a|b|rc)\.(\d+)$", r"\1\2", version)


def check(release: Release) -> None:
    """Whether every version in the source tree is the tag's.

    Raises:
        ReleaseError: one is not, or the tag is no version.
    """
    if not re.fullmatch(r"v\d+\.\d+\.\d+(-(a|b|rc)\.\d+)?", release.tag):
        raise ReleaseError(f"{release.tag} is no tag of a release: v1.2.3 or v1.2.3-rc.1")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", release.repository):
        raise ReleaseError(f"{release.repository!r} is no repository: owner/name")
    chart = yaml.safe_load((release.root / "charts" / "scrap" / "Chart.yaml").read_text())
    project = tomllib.loads((release.root / "pyproject.toml").read_text())["project"]
    found = {
        "pyproject.toml: version": (project["version"], python_version(release.version)),
        "charts/scrap/Chart.yaml: version": (chart["version"], release.version),
        "charts/scrap/Chart.yaml: appVersion": (chart["appVersion"], release.version),
    }
    if wrong := [
        f"{name} is {has}, and {release.tag} needs {needs}" for name, (has, needs) in found.items() if has != needs
    ]:
        raise ReleaseError("\n".join(wrong))
    notes(release)


def notes(release: Release) -> str:
    """The section of CHANGELOG.md on this version, without its heading.

    Raises:
        ReleaseError: there is none, or it is empty.
    """
    text = (release.root / "CHANGELOG.md").read_text()
    found = re.search(rf"^## \[{re.escape(release.version)}\].*?\n(.*?)(?=^## \[|\Z)", text, re.MULTILINE | re.DOTALL)
    if not found or not found[1].strip():
        raise ReleaseError(f"CHANGELOG.md has no section ## [{release.version}], or nothing in it")
    return found[1].strip() + "\n"


def replaced(text: str, old: str, new: str) -> str:
    """A text with every occurrence replaced; that there is none is an error, since the source tree has changed."""
    if old not in text:
        raise ReleaseError(f"the chart has no {old!r}: scripts/release.py does not know where to write {new!r}")
    return text.replace(old, new)


def name(folder: Path, release: Release) -> None:
    """Writes the names of this release into a copy of the chart."""
    values = folder / "values.yaml"
    text = replaced(values.read_text(), "repository: localhost/scrap\n", f"repository: {release.image}\n")
    values.write_text(replaced(text, 'documentation: ""\n', f"documentation: {release.pages}/docs\n"))

    readme = folder / "README.md"
    text = replaced(readme.read_text(), '`"localhost/scrap"`', f'`"{release.image}"`')
    readme.write_text(replaced(text, "charts/scrap ", f"{release.charts}/scrap --version {release.version} "))

    chart = yaml.safe_load((folder / "Chart.yaml").read_text())
    home = f"{release.server}/{release.repository}"
    chart |= {"home": home, "sources": [f"{home}/tree/{release.tag}"], "icon": release.raw}
    links = [
        {"name": "Documentation", "url": f"{release.pages}/README.md"},
        {"name": "support", "url": f"{home}/issues"},
    ]
    images = [{"name": "scrap", "image": f"{release.image}:{release.version}"}]
    chart["annotations"] |= {
        "scrap.dev/chart": f"{release.charts}/scrap",
        "artifacthub.io/links": yaml.safe_dump(links),
        "artifacthub.io/images": yaml.safe_dump(images),
        "artifacthub.io/prerelease": json.dumps("-" in release.version),
    }
    (folder / "Chart.yaml").write_text(yaml.safe_dump(chart, sort_keys=False))


def stage(release: Release) -> None:
    """Makes what is released, but for the image."""
    shutil.rmtree(release.dist, ignore_errors=True)
    release.dist.mkdir()
    (release.dist / "notes.md").write_text(notes(release))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "scrap"
        shutil.copytree(release.root / "charts" / "scrap", copy, ignore=shutil.ignore_patterns("__pycache__"))
        name(copy, release)
        run("helm", "lint", "--strict", "--quiet", copy)
        run("helm", "package", copy, "--destination", release.dist)
    export = ["export", "--frozen", "--no-dev", "--all-extras", "--no-emit-project", "--format=cyclonedx1.5", "--quiet"]
    uv = shutil.which("uv") or Path(__file__).parent.parent / ".uv" / "bin" / "uv"
    run(uv, *export, "--project", release.root, "--output-file", release.dist / "sbom.cdx.json")


def image(release: Release) -> list[list[str]]:
    """The commands that build and push the image."""
    arguments = {"VERSION": release.version, "REVISION": os.environ.get("GITHUB_SHA", "unknown")}
    arguments |= {"SOURCE": f"{release.server}/{release.repository}", "DOCUMENTATION": f"{release.pages}/docs"}
    flags = [f"--build-arg={key}={value}" for key, value in arguments.items()]
    attested = ["--sbom=true", "--provenance=mode=max", f"--metadata-file={release.dist / 'image.json'}"]
    tag = f"--tag={release.image}:{release.version}"
    return [
        ["docker", "buildx", "build", f"--platform={PLATFORMS}", "--push", *attested, *flags, tag, str(release.root)]
    ]


def chart(release: Release) -> list[list[str]]:
    """The commands that push the chart."""
    return [["helm", "push", str(release.package), release.charts]]


def sign(release: Release) -> list[list[str]]:
    """The commands that sign image and chart, by digest: a tag may move."""
    metadata = release.dist / "image.json"
    pushed = release.dist / "chart.txt"
    digest = json.loads(metadata.read_text())["containerimage.digest"] if metadata.exists() else UNKNOWN
    of_chart = re.search(
        r"^Digest: (sha256:[0-9a-f]{64})$", pushed.read_text() if pushed.exists() else "", re.MULTILINE
    )
    charts = release.charts.removeprefix("oci://")
    references = [f"{release.image}@{digest}", f"{charts}/scrap@{of_chart[1] if of_chart else UNKNOWN}"]
    return [["cosign", "sign", "--yes", "--recursive", reference] for reference in references]


def publish(release: Release) -> list[list[str]]:
    """The commands that make the release on GitHub."""
    files = [str(release.dist / file) for file in (release.package.name, "sbom.cdx.json")]
    flags = ["--verify-tag", "--title", release.tag, "--notes-file", str(release.dist / "notes.md")]
    early = ["--prerelease"] if "-" in release.version else []
    return [["gh", "release", "create", release.tag, "--repo", release.repository, *flags, *early, *files]]


def site(release: Release) -> list[list[str]]:
    """The commands that publish the site of 1.2.3 as 1.2; before a release, `latest` stays another's."""
    minor = ".".join(release.version.split(".")[:2])
    deploy = ["mike", "deploy", "--push", "--update-aliases", "--title", release.version, minor]
    if "-" in release.version:
        return [deploy]
    return [[*deploy, "latest"], ["mike", "set-default", "--push", "latest"]]


def environment(release: Release) -> dict[str, str]:
    """What mike, and git below it, need: where sources are, who commits, and the token of the workflow."""
    git = {
        "user.name": "github-actions[bot]",
        "user.email": "github-actions[bot]@users.noreply.github.com",
        "credential.helper": '!f() { echo username=x-access-token; echo "password=$GH_TOKEN"; }; f',
    }
    variables = {"SITE_REPOSITORY": release.pages, "GIT_CONFIG_COUNT": str(len(git))}
    for number, (key, value) in enumerate(git.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


STEPS = {"image": image, "chart": chart, "sign": sign, "publish": publish, "site": site}


def run(*command: str | Path, **variables: str) -> str:
    """Runs a command, and gives what it prints.

    Raises:
        ReleaseError: it failed.
    """
    done = subprocess.run(  # noqa: S603 - a fixed list
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )
    sys.stdout.write(done.stdout)
    if done.returncode:
        raise ReleaseError(f"{shlex.join(map(str, command))} failed")
    return done.stdout


def do(step: str, release: Release) -> None:
    """One step.

    Raises:
        ReleaseError: it failed.
    """
    check(release)
    if step in {"stage", "dry-run"}:
        stage(release)
    if step == "dry-run":
        for commands in STEPS.values():
            for command in commands(release):
                sys.stdout.write(f"would run: {shlex.join(command)}\n")
    elif step in STEPS:
        for command in STEPS[step](release):
            if any(argument.endswith(UNKNOWN) for argument in command):
                raise ReleaseError(f"{step} needs the digests of image and chart: push both first")
            said = run(*command, **(environment(release) if step == "site" else {}))
            if step == "chart":
                (release.dist / "chart.txt").write_text(said)


def main() -> None:
    """Reads the command line; what it does not say comes from the workflow's variables."""
    given = os.environ
    parser = argparse.ArgumentParser(prog="release", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("step", choices=["check", "stage", *STEPS, "dry-run"])
    parser.add_argument("--tag", default=given.get("GITHUB_REF_NAME", ""))
    parser.add_argument("--repository", default=given.get("GITHUB_REPOSITORY", ""))
    parser.add_argument("--server", default=given.get("GITHUB_SERVER_URL", "https://github.com"))
    parser.add_argument("--registry", default="ghcr.io")
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent)
    options = parser.parse_args()
    release = Release(options.tag, options.repository, options.server, options.registry, options.root.resolve())
    try:
        do(options.step, release)
    except ReleaseError as error:
        sys.exit(f"release: {error}")


if __name__ == "__main__":
    main()
