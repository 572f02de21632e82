"""`make mystery` breaks one of eighteen things without saying which; `make reveal` says which, and repairs it.

With `--hints` a hint follows each minute, also for a mystery that is there already; Ctrl+C ends the hints alone.
"""

import argparse
import copy
import json
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from tests.cluster.clusters import CommandError, Namespace, Object
from tests.cluster.course import record
from tests.cluster.course.mysteries import BY_NAME, MYSTERIES, Mystery
from tests.cluster.course.patches import difference
from tests.cluster.course.reader_cluster import ForeignContextError, ask, check_context
from tests.cluster.course.record import ActiveMysteryError, MysteryRecord
from tests.cluster.course.stage import image_of

MADE = "scrap.dev/made-by=mystery"  # label of what a mystery creates


class NoMysteryError(Exception):
    """There is none to reveal, or none can be made."""


def choose(seed: int | None, which: str) -> Mystery:
    """One of eighteen: by name, by a seed that gives the same one each time, or by chance."""
    if which:
        return BY_NAME[which]
    return random.Random(seed).choice(MYSTERIES)  # noqa: S311 - None: what the system has of chance


def in_namespace(text: str, namespace: str) -> str:
    """A query or a command as it is typed."""
    return text.replace("NAMESPACE", namespace)


def changed(mystery: Mystery, before: Object) -> tuple[Object, Object]:
    """The merge patches that break an object and that undo it."""
    after = copy.deepcopy(before)
    if mystery.change:
        mystery.change(after)
    return difference(before, after), difference(after, before)


def created(mystery: Mystery, namespace: str, image: str) -> Object:
    """The object that a mystery creates, with the image that pods of this cluster can run."""
    found: Object = json.loads(in_namespace(json.dumps(mystery.created), namespace))
    if found["kind"] == "Deployment":
        found["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return found


def make(namespace: Namespace, mystery: Mystery) -> None:
    """Breaks it, and hides what it was.

    Raises:
        ActiveMysteryError: there is one already.
        NoMysteryError: the course's load is not there.
    """
    record.check_none(namespace)
    if not namespace.kubectl("get", "deployment", "load", "--ignore-not-found", "-o", "name"):
        raise NoMysteryError("There is no load, so no dashboard would show anything: run `make course` before.")
    where = Namespace(mystery.where or namespace.name)
    patch, undo = changed(mystery, where.get(mystery.target) if mystery.target else {})
    record.write(namespace, MysteryRecord(mystery.name, undo))
    if mystery.created:
        given = created(mystery, namespace.name, image_of(namespace))
        given["metadata"].setdefault("labels", {}).update([MADE.split("=")])
        namespace.kubectl("create", "-f", "-", given=json.dumps(given))
    if patch:
        where.kubectl("patch", mystery.target, "--type", "merge", "--patch", json.dumps(patch))


def give_hints(mystery: Mystery, sleep: Callable[[float], None] = time.sleep) -> None:
    """A hint a minute."""
    for number, hint in enumerate(mystery.hints, 1):
        sleep(60)
        print(f"Hint {number} of {len(mystery.hints)}: {hint}", flush=True)


def result(query: str) -> str:
    """What Prometheus has for a query, in words where it has nothing: a mystery is repaired all the same."""
    try:
        return ask(query) or "no result yet"
    except CommandError:
        return "Prometheus does not respond"


def explained(mystery: Mystery, namespace: str) -> str:
    """What was broken, and what shows it."""
    alert = f"{mystery.alert} (docs/runbooks/{mystery.alert}.md)" if mystery.alert else "none fires, and that is a gap"
    query = in_namespace(mystery.query, namespace)
    return "\n".join(
        [
            f"{mystery.name}: {mystery.broken}",
            f"  alert:     {alert}",
            f"  dashboard: {mystery.panel}",
            f"  query:     {query}",
            *(f"             {line}" for line in result(query).splitlines()),
            f"  command:   {in_namespace(mystery.command, namespace)}",
        ]
    )


def repair(namespace: Namespace, found: MysteryRecord) -> None:
    """Undoes it, and waits until what was changed is ready."""
    mystery = BY_NAME[found.name]
    where = Namespace(mystery.where or namespace.name)
    if found.undo:
        where.kubectl("patch", mystery.target, "--type", "merge", "--patch", json.dumps(found.undo))
    namespace.kubectl("delete", "deployment,resourcequota,hpa", "--selector", MADE)
    if mystery.target.startswith("deployment/"):
        where.kubectl("rollout", "status", mystery.target, "--timeout=180s")
    record.remove(namespace)


def reveal(namespace: Namespace) -> None:
    """Says what is broken, and repairs it.

    Raises:
        NoMysteryError: nothing is.
    """
    found = record.read(namespace.kubectl)
    if not found:
        raise NoMysteryError("There is no mystery: `make mystery` makes one.")
    print(explained(BY_NAME[found.name], namespace.name), flush=True)
    repair(namespace, found)
    print("It is repaired.")


def mystify(namespace: Namespace, options: argparse.Namespace) -> None:
    """Breaks something, and gives hints if they are wanted; there may be a mystery already then."""
    found = record.read(namespace.kubectl) if options.hints else None
    mystery = BY_NAME[found.name] if found else choose(options.seed, options.which)
    if not found:
        make(namespace, mystery)
        print("Something is broken now. Find it; `make reveal` says what it was, and repairs it.", flush=True)
    if options.hints:
        with suppress(KeyboardInterrupt):
            give_hints(mystery)


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="make mystery", description=__doc__)
    parser.add_argument("action", choices=["mystery", "reveal"])
    parser.add_argument("--hints", action="store_true", help="a hint each minute")
    parser.add_argument("--seed", type=int, help="the same number, the same mystery")
    parser.add_argument("--which", default="", choices=[*BY_NAME], metavar="NAME", help=", ".join(BY_NAME))
    parser.add_argument("--namespace", default="scrap", help="that of the release scrap (%(default)s)")
    parser.add_argument("--context", default="", help="the current context, if it is not one of this machine")
    options = parser.parse_args()
    namespace = Namespace(options.namespace)
    try:
        check_context(options.context)
        reveal(namespace) if options.action == "reveal" else mystify(namespace, options)
    except (ActiveMysteryError, CommandError, ForeignContextError, NoMysteryError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
