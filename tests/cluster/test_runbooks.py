"""Every command and query of the runbooks, as printed, on a release that is there for them alone.

The faults' run has those under "How to check" while something is broken; here each has to be one, and to find what it
asks for. What changes something does so; a node is drained and deleted by `--dry-run=server`.
"""

import re
from collections.abc import Iterator

import pytest

from tests.cluster.alerts.scene import Disk, Stack, stand_in_for_slack
from tests.cluster.clusters import Namespace, Object, hurry, merged, nodes, run, until
from tests.cluster.faults import runbook
from tests.cluster.faults.runbook import RunbookCommand
from tests.cluster.faults.scene import RATE, CacheServer, release, values
from tests.cluster.faults.traffic import Traffic
from tests.cluster.intervals import Intervals, asked
from tests.cluster.providers.provider import CannotError

pytestmark = pytest.mark.usefixtures("inside")

NAME = "runbooks"
CHANGES = ("rollout", "rollback", "delete", "scale", "cordon", "label", "drain", "apply", "make", "set")
PAGES = ("http://web.runbooks.svc/", *["http://none.runbooks.svc/"] * 3, "http://169.254.169.254/")
QUICK = {"window": "30s", "recent": "15s", "usual": "2m", "every": "5s"}  # a disk's usual growth: known in a minute
NO_UNDO = re.compile(r"kubectl (?:drain|delete node) ")
NO_WAY_OUT = "scrap get https://ogp.me/"  # of this cluster: it says so, and that is what it is for


def changes(command: str) -> bool:
    """Does a command change something? Those come last."""
    return any(f" {word}" in f" {command}" for word in CHANGES)


ALL = {(each.kind, each.text): each for page in runbook.pages() for each in runbook.commands(page)}
COMMANDS = sorted((each for each in ALL.values() if each.kind == "sh"), key=lambda each: changes(each.text))
QUERIES = [each for each in ALL.values() if each.kind == "promql"]


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack()


@pytest.fixture(scope="module")
def intervals(stack: Stack) -> Intervals:
    return asked(stack, NAME)


@pytest.fixture(scope="module")
def namespace(stack: Stack, intervals: Intervals) -> Iterator[Namespace]:
    """The release, with an earlier revision, and some requests of each kind that its log has."""
    found, cache = Namespace(NAME), CacheServer()
    if cache.address:
        cache.start()
    try:
        with stand_in_for_slack(), release(found, intervals, cache.address):
            changed = {"config": {"deadline": 7}, "monitoring": {"prometheusRule": {"disk": QUICK}}}
            found.upgrade(merged(values(found, intervals, cache.address), changed))
            until("Prometheus has rules and pods", lambda: measured(stack), intervals.patience(120))
            with Traffic(found.address(), lambda number: f"{PAGES[number % len(PAGES)]}?{number}", RATE).calling():
                yield found
    finally:
        if cache.address:
            cache.kill()


def measured(stack: Stack) -> bool:
    """Has Prometheus the release?"""
    hurry()
    up = stack.ask(f'query?query=count(up{{namespace="{NAME}"}}==1)')["result"]
    return bool(up and float(up[0]["value"][1]) == 3 and stack.rules(NAME))


@pytest.fixture(scope="module")
def device(stack: Stack) -> str:
    """The small disk's, whose directories are read at once."""
    try:
        disk = Disk(stack)
    except CannotError:
        return "/dev/none"  # what is typed on a node cannot be there either

    def known() -> list[str]:
        found = stack.ask(f"query?query=node_filesystem_size_bytes{{{disk.selector}}}")["result"]
        return [sample["metric"]["device"] for sample in found]

    until("the small disk is measured", lambda: bool(known()), 90)
    return known()[0]


def given(namespace: Namespace, device: str) -> dict[str, str]:
    """What a page's head sets: the release, a pod of it, its node."""
    until("a pod is ready", lambda: bool(ready(namespace)), 90)
    pod = ready(namespace)[0]
    return {"NS": NAME, "RELEASE": "scrap", "POD": pod, "NODE": nodes()[-1], "DEVICE": device}


def ready(namespace: Namespace) -> list[str]:
    """The pods of the service that are, and stay."""
    return [
        pod["metadata"]["name"]
        for pod in namespace.pods()
        if "deletionTimestamp" not in pod["metadata"]
        and all(state["ready"] for state in pod["status"].get("containerStatuses", [{"ready": False}]))
    ]


def restart(namespace: Namespace) -> None:
    """Ends the service in each pod once, so that there is a container before this one."""
    for pod in namespace.pods():
        if not restarted(pod):
            namespace.kubectl("exec", pod["metadata"]["name"], "--", "python", "-c", "import os; os.kill(1, 15)")
    until("each pod has begun again", lambda: all(map(restarted, namespace.pods())), 90)


def restarted(pod: Object) -> bool:
    """Is its container another one, and ready?"""
    states = pod["status"].get("containerStatuses", [])
    return bool(states) and all(state["ready"] and state["restartCount"] for state in states)


@pytest.mark.parametrize("query", QUERIES, ids=[f"{each.page}-{number}" for number, each in enumerate(QUERIES)])
def test_a_query_finds_what_it_asks_for(query: RunbookCommand, namespace: Namespace, stack: Stack, device: str) -> None:
    """But for a comparison: on a healthy release most lists of what is wrong are empty."""
    text = re.sub(r" (?:>|<) [0-9.]+", "", runbook.query(query, given(namespace, device), {}))
    until("it has a result", lambda: bool(runbook.asked(text, stack)), 120)


@pytest.mark.parametrize("command", COMMANDS, ids=[f"{each.page}-{number}" for number, each in enumerate(COMMANDS)])
def test_a_command_runs(command: RunbookCommand, namespace: Namespace, device: str) -> None:
    """Each program of its pipe ends well; only `grep` may find nothing."""
    if "--previous" in command.text:
        restart(namespace)
    if " rollout resume " in command.text:
        namespace.kubectl("rollout", "pause", "deployment/scrap")
    if NO_UNDO.match(command.text):
        command = RunbookCommand(command.page, command.part, command.kind, f"{command.text} --dry-run=server")
    said = runbook.typed(command, given(namespace, device))
    programs = command.text.split(" | ")
    wrong = [
        (program, status)
        for program, status in zip(programs, said.statuses, strict=True)
        if status not in {0, 141} and not (status == 1 and program.startswith("grep"))
    ]
    if command.text.endswith(NO_WAY_OUT):
        assert "dns_failed" in f"{said.text}{said.errors}"
    else:
        assert wrong == [], f"{said.text}{said.errors}"
    if " cordon " in command.text:
        run("kubectl", "uncordon", nodes()[-1])
    if changes(command.text):
        namespace.kubectl("rollout", "status", "deployment/scrap", "--timeout=120s")


@pytest.mark.parametrize("page", runbook.pages())
def test_the_head_sets_what_the_commands_use(page: str) -> None:
    used = {name for each in runbook.commands(page) for name in re.findall(r"\$([A-Z]+)", each.text)}
    assert used | {"NS", "RELEASE"} == set(runbook.names(page))
