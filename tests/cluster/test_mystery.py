"""The course as a reader plays it: its commands, word by word and in order, and rounds of `make mystery`.

In `make test-cluster` the pages that take seconds and three mysteries, in less than four minutes; `make test-course` is
all of it (COURSE=whole).
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.chart.rendering import ROOT
from tests.cluster.clusters import IMAGE, CommandError, Namespace, hurry, run, until
from tests.cluster.course.mysteries import BY_NAME, FAILURES, Mystery
from tests.cluster.course.mystery import choose, in_namespace
from tests.cluster.course.reader_cluster import ask, is_firing, proxied
from tests.cluster.course.stage import RATE
from tests.cluster.faults.scene import operators_metrics
from tests.cluster.providers.current import CONTEXT, LOCAL
from tests.documents import commands

NAMESPACE = Namespace("scrap")  # as the course has it
WHOLE = os.environ.get("COURSE") == "whole"
ROUNDS = BY_NAME if WHOLE else ("memory-limit", "operator-dead", "wrong-selector")
NOT_RUN = {
    "k8s/up kind": "needs docker; the fixture runs k8s/up on the cluster that is there",
    "k8s/down kind": "needs docker",
    "make course ARGS=--remove": "the fixture runs it at the end",
    "make mystery": "by chance; the rounds below have seeds",
    "make reveal": "the rounds below",
    "make mystery ARGS=--hints": "three minutes; tests/unit/test_mystery.py",
}
FOLDER = ROOT / "docs/course"
EXERCISES = [FOLDER / "README.md", *sorted(FOLDER.glob("[1-7]*.md"))]
PAGES = [str(path.relative_to(ROOT)) for path in EXERCISES if WHOLE or path.name[0] in "R14"]
JOBS = {"scrap": 2, "scrap-operator": 1}  # and their pods
# Each job by itself: during the rollout of `make course` an old pod of the service is scraped as well.
SCRAPED = " and ".join(f'count(up{{namespace="scrap",job="{job}"}} == 1) == {n}' for job, n in JOBS.items())
# The rate over a minute is smaller than the load, until the load is a minute old.
LOADED = f'sum(rate(scrap_requests_total{{namespace="scrap",route="/api/v1/scrap"}}[1m])) > {RATE / 2}'
SEEDS = {choose(seed, "").name: seed for seed in range(500)}

OF_ANOTHER_MAKE = {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}  # of `make test-cluster`, which a reader's shell has not


def shell(command: str) -> str:
    """What a command of the course prints, in the repository's root."""
    given = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER_MAKE}
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The release as k8s/up installs it, with `make course`; the context has a name that is one of this machine."""
    with pytest.MonkeyPatch.context() as patch, operators_metrics():
        local = tmp_path_factory.mktemp("course") / "kubeconfig"
        local.write_text(run("kubectl", "config", "view", "--raw", "--minify", "--flatten"))
        patch.setenv("KUBECONFIG", str(local))
        context = run(*CONTEXT).strip()
        if not LOCAL.fullmatch(context):
            run("kubectl", "config", "rename-context", context, "kind-scrap")
        shell(f"STACK=skip IMAGE={IMAGE} k8s/up")
        try:
            shell("make course")
            until("the load is served", is_served, 60)
            until("all is scraped", is_scraped, 120)
            until("the load is measured", lambda: bool(ask(LOADED)), 120)
            # The load may begin some seconds before the web.
            until("its first failures are a minute old", lambda: not ask(in_namespace(FAILURES, NAMESPACE.name)), 90)
            yield
            shell("make course ARGS=--remove")
        finally:
            shell("STACK=skip k8s/down")


@pytest.fixture
def repaired() -> Iterator[None]:
    """What a failed round leaves broken, the cluster's DNS for example, is repaired."""
    yield
    shell("make reveal || true")


def is_scraped() -> bool:
    """Are all pods targets, and up?"""
    hurry()
    return bool(ask(SCRAPED))


def is_served() -> bool:
    """Has every request of the last five whole seconds its page's Open Graph?

    More than five seconds have ended where kubectl takes one.
    """
    now = int(time.time())
    try:
        seconds = json.loads(proxied(NAMESPACE.name, "load:80", f"seconds?after={now - 6}")).values()
    except CommandError:  # the API server's proxy has no endpoints of a load that has just become ready
        return False
    return len(seconds) >= 5 and all(
        second["ok"] and not (second["failed"] or second["shed"] or second["web"]) for second in seconds
    )


def is_shown(mystery: Mystery) -> bool:
    """Does the alert fire? Where there is none, has the query a result?"""
    if mystery.alert:
        return is_firing(mystery.alert, NAMESPACE.name)
    return bool(ask(in_namespace(mystery.query, NAMESPACE.name)))


@pytest.mark.parametrize("name", BY_NAME)
def test_nothing_shows_it_while_all_is_calm(name: str) -> None:
    """A query that is no PromQL would end this, too."""
    assert ask(in_namespace(BY_NAME[name].query, NAMESPACE.name)) == ""


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_an_exercise(page: str) -> None:
    for command, expected in commands(page):
        if command not in NOT_RUN:
            pattern = ".*".join(map(re.escape, (expected.strip() or "…").split("…")))
            printed = shell(command).strip()
            assert re.fullmatch(pattern, printed, re.DOTALL), f"{command}\n{printed}"


def test_what_is_not_run_is_documented() -> None:
    documented = {command for path in EXERCISES for command, _ in commands(str(path.relative_to(ROOT)))}
    assert documented >= set(NOT_RUN)


@pytest.mark.usefixtures("repaired")
@pytest.mark.parametrize("name", ROUNDS)
def test_a_round(name: str) -> None:
    mystery, query = BY_NAME[name], in_namespace(BY_NAME[name].query, NAMESPACE.name)
    until("it is not broken", lambda: not ask(query), 120)

    began = time.monotonic()
    said = shell(f"make mystery ARGS='--seed {SEEDS[name]}'")
    assert name not in said
    assert mystery.broken not in said
    until(f"{mystery.alert or query} shows it", lambda: is_shown(mystery), 240)
    shown = time.monotonic() - began

    said = shell("make reveal")
    assert f"{name}: {mystery.broken}" in said
    assert mystery.alert in said
    assert mystery.panel in said
    assert "no result yet" not in said
    print(f"\n{said}\nshown after {shown:.0f} s")
    until("the service is healthy", is_served, 90)
    until("nothing shows it", lambda: not is_shown(mystery) and not ask(query), 240)
    print(f"over after {time.monotonic() - began:.0f} s")
    assert "There is no mystery" in shell("make reveal 2>&1 || true")
