"""The image: what it has, what it says of itself, and what it does not have."""

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chart.rendering import ROOT
from tests.cluster.clusters import IMAGE, Namespace, Object, run
from tests.cluster.providers.choice import provider

INSIDE = """
import importlib.metadata, importlib.util, json, os, pathlib, shutil
tools = "pip pip3 uv uvx gcc cc g++ make ld".split()
modules = "pip ensurepip setuptools uv uv_build".split()
print(json.dumps({
    "tools": [name for name in tools if shutil.which(name)],
    "modules": [name for name in modules if importlib.util.find_spec(name)],
    "wheels": [str(path) for root in ("/usr", "/opt") for path in pathlib.Path(root).rglob("*.whl")],
    "installed": [found.metadata["Name"] for found in importlib.metadata.distributions(path=["%s"])],
    "agent": os.environ["SCRAP_USER_AGENT"],
    "sbom": json.loads(pathlib.Path("/opt/scrap/sbom.cdx.json").read_text()),
}))
"""
SITE = "import sysconfig; print(sysconfig.get_path('purelib'))"


@pytest.fixture(scope="module")
def inside(namespace: Namespace) -> Iterator[Object]:
    """What a pod of the image finds in itself."""
    container = {
        "name": "image",
        "image": IMAGE,
        "command": ["sleep", "600"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"containers": [container], "securityContext": security, "terminationGracePeriodSeconds": 0}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "image"}, "spec": spec}
    namespace.kubectl("apply", "-f", "-", given=json.dumps(pod))
    namespace.kubectl("wait", "--for=condition=Ready", "pod/image", "--timeout=60s")
    site = namespace.kubectl("exec", "image", "--", "python", "-c", SITE).strip()
    yield json.loads(namespace.kubectl("exec", "image", "--", "python", "-c", INSIDE % site))
    namespace.kubectl("delete", "pod", "image")


def needed() -> set[str]:
    """What the lock file says that the service and the operator need, whatever the platform."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    packages: dict[str, Any] = {package["name"]: package for package in lock["package"]}
    found: set[tuple[str, str]] = set()
    todo = [("scrap", ""), ("scrap", "operator")]
    while todo:
        name, extra = todo.pop()
        if (name, extra) not in found:
            found.add((name, extra))
            package = packages[name]
            links = (
                package.get("optional-dependencies", {}).get(extra, []) if extra else package.get("dependencies", [])
            )
            todo += [(link["name"], part) for link in links for part in ("", *link.get("extra", ()))]
    return {name for name, _ in found} - {"scrap"}


def test_it_has_nothing_to_build_or_install_with(inside: Object) -> None:
    assert inside["tools"] == []
    assert inside["modules"] == []
    assert inside["wheels"] == []


def test_its_bill_of_materials_is_the_lock_file(inside: Object) -> None:
    listed = {component["name"] for component in inside["sbom"]["components"]} - {"scrap"}
    assert listed == needed()
    assert {name.lower().replace("_", "-").replace(".", "-") for name in inside["installed"]} - {"scrap"} <= listed


def test_hosts_are_given_the_version_and_its_documentation(inside: Object) -> None:
    assert inside["agent"] == "Mozilla/5.0 (compatible; scrapbot/tests; +https://scrap.invalid/fetching.md)"


def test_it_says_what_it_is() -> None:
    labels = json.loads(provider().labels(IMAGE))
    said = {key.removeprefix("org.opencontainers.image."): value for key, value in labels.items()}
    assert said["title"] == "scrap"
    assert said["licenses"] == "Apache-2.0"
    assert said["source"].startswith("https://")
    assert said["version"] == "tests", "what the build was given"
    assert said["revision"] == run("git", "-C", ROOT, "rev-parse", "HEAD").strip()
