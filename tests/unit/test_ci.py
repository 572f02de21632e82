"""`.ci/run`: what it runs, and what it leaves out in a clone that has nothing beside it."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.words import ROOT

PYTHON = re.findall(r"(?m)^ARG PYTHON_IMAGE=.*python:([0-9.]*)", (ROOT / "Dockerfile").read_text())[0]
STEPS = ["lint types contracts", "gate", "test", "test-on", "test-servers", "test-chart", "cluster-provider"]
MAKE = """#!/bin/bash
echo "$* ${SKIPPED_TESTS_FAIL:-0} ${PYTHON:-python3}" >>"$WRITTEN"
[ "$*" != cluster-provider ] || [ "$PROVIDER" ]
"""


def ran(folder: Path, pythons: Sequence[str] = (f"python{PYTHON}",), **environment: str) -> tuple[int, list[str], str]:
    """The exit code, the targets with whether skipped tests fail and the Python, what is said; `make` is a fake."""
    clone = folder / "clone" / ".ci"
    clone.mkdir(parents=True)
    (clone / "run").write_bytes((ROOT / ".ci" / "run").read_bytes())
    (clone.parent / "Dockerfile").write_bytes((ROOT / "Dockerfile").read_bytes())
    for name in ("redis-server", "shellcheck", "node", "go", "chromium", "zsh", "fish", *pythons):
        (folder / name).symlink_to("/bin/true")
    (folder / "make").write_text(MAKE)
    (folder / "make").chmod(0o755)
    given = {"PATH": f"{folder}:/usr/bin:/bin", "WRITTEN": str(folder / "written"), **environment}
    command = ["bash", str(clone / "run")]
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
    return done.returncode, (folder / "written").read_text().splitlines(), done.stderr


@pytest.mark.parametrize(("required", "code"), [("", 0), ("1", 1)])
def test_a_bare_clone_without_a_cluster(required: str, code: int, tmp_path: Path) -> None:
    found, targets, said = ran(tmp_path, CI_REQUIRE_CLUSTER=required)
    assert found == code
    assert targets == [f"{step} 0 python{PYTHON}" for step in STEPS]
    assert said == "left out: the tests on a real cluster, for there is no provider of one\n"


def test_a_bare_clone_with_a_cluster(tmp_path: Path) -> None:
    code, targets, said = ran(tmp_path, PROVIDER="kind")
    assert (code, said) == (0, "")
    assert targets == [f"{step} 0 python{PYTHON}" for step in [*STEPS, "test-cluster"]]


def test_without_the_python_of_the_image(tmp_path: Path) -> None:
    code, targets, said = ran(tmp_path, pythons=(), PROVIDER="kind")
    assert (code, said) == (0, f"left out: Python {PYTHON} is not here; python3 takes its place\n")
    assert targets == [f"{step} 0 python3" for step in [*STEPS, "test-cluster"]]


def test_beside_shared_nothing_may_be_skipped(tmp_path: Path) -> None:
    setup = tmp_path / "shared" / "cluster" / "setup"
    setup.parent.mkdir(parents=True)
    setup.write_text('#!/bin/bash\necho setup >>"$WRITTEN"\n')
    setup.chmod(0o755)
    code, targets, said = ran(tmp_path, PROVIDER="shared")
    assert (code, said) == (0, "")
    tested = [f"{step} {0 if step in STEPS[:2] else 1} python{PYTHON}" for step in [*STEPS, "test-cluster"]]
    assert targets == ["setup", *tested]
