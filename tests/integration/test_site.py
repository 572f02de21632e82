"""The site of the documents: built strictly, self-contained, and published beside the sites of other versions."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from scrap.errors import Reason
from scripts.release import Release, environment
from tests.documents import ROOT

BIN = Path(sys.executable).parent
# What a browser loads by itself; a link that a person follows is not among it.
LOADED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src", "object": "data"}


def build(root: Path, target: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Builds the site of a source tree."""
    command: list[str | Path] = [BIN / "mkdocs", "build", "--site-dir", target]
    given = {**os.environ, "NO_MKDOCS_2_WARNING": "1", **variables}
    return subprocess.run(command, cwd=root, env=given, capture_output=True, text=True, check=False)


def copied(root: Path) -> Path:
    """A copy of the source tree: what is committed, and what is about to be."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).exists() and not name.startswith(("data/", "tests/")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    return root


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this source tree, which names no repository."""
    target = tmp_path_factory.mktemp("site")
    done = build(ROOT, target, SITE_REPOSITORY="")
    assert done.returncode == 0, done.stderr
    return target


def test_a_fault_ends_the_build(tmp_path: Path) -> None:
    tree = copied(tmp_path / "tree")
    with (tree / "docs" / "start.md").open("a") as page:
        page.write("\n[no page](nothing.md) [no heading](json.md#nothing) [no heading](../DESIGN.md#nothing)\n")
    (tree / "docs" / "forgotten.md").write_text("# Forgotten\n")
    done = build(tree, tmp_path / "site")
    assert done.returncode == 1
    warnings = re.findall(r"^WARNING +- +(.*)$", done.stderr, re.MULTILINE)
    assert len(warnings) == 4
    assert "'nothing.md'" in done.stderr
    assert done.stderr.count("'json.md#nothing'") == done.stderr.count("'design.md#nothing'") == 1
    assert "- forgotten.md" in done.stderr


class LoadedResources(HTMLParser):
    """Collects what a page loads."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element's resource."""
        if address := dict(attrs).get(LOADED.get(tag, "")):
            self.found.append(address)


def test_nothing_comes_from_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 60
    foreign = re.compile(r"(https?:)?//")
    assert [(page, found) for page in pages for found in LoadedResources(page).found if foreign.match(found)] == []
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert re.findall(r"url\([\"']?(?:https?:)?//|@import", styles) == []
    whole = "".join(page.read_text() for page in pages)
    assert 'class="mermaid"' not in whole  # its script is another host's
    assert 'data-md-component="source"' not in whole  # asks GitHub how many stars a repository has


def test_every_page_is_in_the_menu(site: Path) -> None:
    """Pages of the repository that the site has, and those in patterns, too."""
    menu = (site / "start" / "index.html").read_text() + (site / "clients" / "index.html").read_text()
    for path in (
        "design/",
        "changelog/",
        "chart/",
        "local-cluster/",
        "runbooks/ScrapDown/",
        "decisions/0001-api-contract/",
    ):
        assert (site / path / "index.html").is_file()
        assert path in menu


@pytest.mark.parametrize(
    ("page", "terms"),
    [
        ("api", ["GET /api/v1/scrap", "X-Request-ID", "Retry-After", Reason.URL_MISSING.sentence]),
        ("problems", [Reason.URL_MISSING.sentence]),
        ("troubleshooting", ["curl -sL URL | grep"]),
        ("alertscaler", ["rules[].matchers", "scaleTargetRef.name", "desiredReplicas"]),
    ],
)
def test_a_page_has_what_code_and_markdown_say(page: str, terms: list[str], site: Path) -> None:
    text = unescape((site / page / "index.html").read_text())
    assert [term for term in terms if term not in text] == []
    assert "paths" in json.loads((site / "openapi.json").read_text())


def test_a_source_file_is_a_link_where_a_release_names_the_repository(site: Path, tmp_path: Path) -> None:
    pages = "https://github.com/Some/Repo/blob/v1.2.3"
    assert build(ROOT, tmp_path, SITE_REPOSITORY=pages).returncode == 0
    assert f'href="{pages}/k8s/samples/flux.yaml"' in (tmp_path / "gitops" / "index.html").read_text()
    assert "flux.yaml" in (site / "gitops" / "index.html").read_text()
    assert not re.search(r'href="[^"]*flux\.yaml', (site / "gitops" / "index.html").read_text())


def test_the_korean_page_says_its_language(site: Path) -> None:
    page = (site / "ko" / "start" / "index.html").read_text()
    assert '<div lang="ko">' in page
    assert 'id="처음-10분"' in page
    assert 'hreflang="ko"' in (site / "index.html").read_text()


def test_it_is_served_while_it_is_written() -> None:
    """By the command of the Makefile, on a free port."""
    command = ["make", "--no-print-directory", "docs-serve", "SITE=127.0.0.1:0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0
    ) as server:
        assert server.stderr
        shown = ""
        for line in server.stderr:
            shown += line
            if "Serving on " in line:
                break
        os.killpg(server.pid, signal.SIGTERM)
        server.stderr.read()
    assert "Watching paths for changes: 'docs', 'mkdocs.yml'" in shown
    assert "Serving on " in shown


def git(*arguments: str, cwd: Path) -> str:
    """Runs git as somebody."""
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    return subprocess.run(["git", *identity, *arguments], cwd=cwd, capture_output=True, text=True, check=True).stdout


def test_a_release_publishes_its_site_beside_the_others(tmp_path: Path) -> None:
    """Into a repository on this disk; GitHub's own was never reached."""
    tree, remote = copied(tmp_path / "tree"), tmp_path / "remote"
    git("init", "--quiet", "--bare", str(remote), cwd=tmp_path)
    git("init", "--quiet", cwd=tree)
    git("remote", "add", "origin", str(remote), cwd=tree)
    for tag in ("v0.1.0", "v0.2.0-rc.1", "v0.1.1"):
        released(tree, tag)
        git("add", "--all", cwd=tree)
        git("commit", "--quiet", "--message", tag, cwd=tree)
        command = [sys.executable, "-m", "scripts.release", "site", "--tag", tag, "--repository", "Some/Repo"]
        path = f"{BIN}:{os.environ['PATH']}"
        done = subprocess.run(
            command, cwd=tree, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    versions = json.loads(git("show", "gh-pages:versions.json", cwd=remote))
    assert [(entry["version"], entry["title"], entry["aliases"]) for entry in versions] == [
        ("0.2", "0.2.0-rc.1", []),
        ("0.1", "0.1.1", ["latest"]),
    ]
    assert "latest/" in git("show", "gh-pages:index.html", cwd=remote)
    page = git("show", "gh-pages:0.1/gitops/index.html", cwd=remote)
    assert "https://github.com/Some/Repo/blob/v0.1.1/k8s/samples/flux.yaml" in page
    assert "github-actions[bot]" in git("log", "-1", "--format=%an", "gh-pages", cwd=remote)


def released(tree: Path, tag: str) -> None:
    """Writes a version into a source tree."""
    version = tag.removeprefix("v")
    project = tree / "pyproject.toml"
    python = version.replace("-rc.", "rc")
    project.write_text(re.sub(r'^version = ".*"$', f'version = "{python}"', project.read_text(), flags=re.MULTILINE))
    chart = tree / "charts" / "scrap" / "Chart.yaml"
    chart.write_text(yaml.safe_dump(yaml.safe_load(chart.read_text()) | {"version": version, "appVersion": version}))
    changelog = tree / "CHANGELOG.md"
    changelog.write_text(changelog.read_text() + f"\n## [{version}] - 2026-12-01\n\n- A thing.\n")


def test_git_receives_the_workflows_token() -> None:
    release = Release("v0.1.0", "Some/Repo", "https://github.com", "ghcr.io", ROOT)
    given = {**os.environ, **environment(release), "GH_TOKEN": "secret", "GIT_TERMINAL_PROMPT": "0"}
    asked = "protocol=https\nhost=github.com\n\n"
    done = subprocess.run(
        ["git", "credential", "fill"], env=given, input=asked, capture_output=True, text=True, check=True
    )
    assert "username=x-access-token\npassword=secret\n" in done.stdout
