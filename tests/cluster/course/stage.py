"""`make course`: the course's values for a release that is there, a web, a load, and what is in Slack's place.

Run it again to change the load or the web: `make course ARGS='--rate 60'`. `--remove` removes all but the release.
"""

import argparse
import json
import sys

from tests.chart.rendering import CHART, ROOT
from tests.cluster.clusters import CommandError, Namespace, Object, may_scrape, run
from tests.cluster.course.reader_cluster import ForeignContextError, check_context
from tests.cluster.course.record import ActiveMysteryError, check_none
from tests.cluster.story import town

VALUES = ROOT / "k8s" / "course.yaml"
# What the pods run.
PROGRAMS = (*town.PROGRAMS.values(), ROOT / "tests" / "cluster" / "course" / "course_web.py")
RATE, PAUSE = 6.0, 0.15  # calls a second; seconds that the web takes for a page


def image_of(namespace: Namespace) -> str:
    """The image that the release runs, which has all that the course's pods need."""
    containers = namespace.get("deployment", "scrap")["spec"]["template"]["spec"]["containers"]
    image: str = containers[0]["image"]
    return image


def program(name: str, file: str, image: str, **environment: str) -> list[Object]:
    """A pod that runs one of `PROGRAMS`, and its Service; `name` is also the value of its label `app`."""
    deployment = town.deployment(name, file, environment)
    pod = deployment["spec"]["template"]["spec"]
    pod["containers"][0]["image"] = image
    pod["volumes"][0]["configMap"]["items"].append({"key": "course_web.py", "path": "course_web.py"})
    return [deployment, town.service(name)]


def objects(image: str, service: str, web: str, options: argparse.Namespace) -> list[Object]:
    """All that the course needs beside the release.

    Args:
        service: the address of the service.
        web: the URL of the web, by its name, so that DNS matters.
    """
    text = {file.name: file.read_text() for file in PROGRAMS}
    pages = {"PAUSE": str(options.pause), "SLOW_EVERY": str(options.slow_every), "OPEN_GRAPH": "yes"}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "pods", "labels": {"story": ""}}, "data": text},
        *program("web", "course_web", image, **pages),
        *program("slack", "slack", image),
        *program("load", "load", image, SERVICE=service, WEB=web, RATE=str(options.rate)),
    ]


def put_on(namespace: Namespace, options: argparse.Namespace) -> None:
    """Brings the release and all around it to the options' state, until it is ready."""
    given = {"config": may_scrape(namespace)}
    flags = ("--reset-then-reuse-values", "--values", VALUES, "--values", "-", "--wait", "--timeout", "3m")
    if not namespace.kubectl("get", "secret", "scrap-slack", "--ignore-not-found", "-o", "name"):
        slack = f"http://slack.{namespace.name}.svc"
        urls = (f"--from-literal={channel}={slack}/{channel}" for channel in ("critical", "warning"))
        namespace.kubectl("create", "secret", "generic", "scrap-slack", *urls)
        namespace.kubectl("label", "secret", "scrap-slack", "story=")
    run("helm", "--namespace", namespace.name, "upgrade", "scrap", CHART, *flags, given=json.dumps(given))
    made = objects(image_of(namespace), namespace.address(), f"http://web.{namespace.name}.svc", options)
    namespace.kubectl("apply", "-f", "-", given="\n".join(map(json.dumps, made)))
    for name in ("web", "slack", "load"):
        namespace.kubectl("rollout", "status", f"deployment/{name}", "--timeout=120s")


def remove(namespace: Namespace) -> None:
    """Removes the web, the load and what is in Slack's place; the release keeps its values."""
    kinds = "deployment,service,secret,configmap"
    namespace.kubectl("delete", kinds, "--selector", "story", "--wait=true")


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of a command line; None: this process's."""
    parser = argparse.ArgumentParser(prog="make course", description=__doc__)
    parser.add_argument("--rate", type=float, default=RATE, help="calls a second (%(default)s)")
    parser.add_argument("--pause", type=float, default=PAUSE, help="seconds of the web for a page (%(default)s)")
    parser.add_argument("--slow-every", type=int, default=0, help="every n-th page takes 2 s longer; 0: none")
    parser.add_argument("--namespace", default="scrap", help="that of the release scrap (%(default)s)")
    parser.add_argument("--context", default="", help="the current context, if it is not one of this machine")
    parser.add_argument("--remove", action="store_true", help="remove the web, the load and the stand-in for Slack")
    return parser.parse_args(arguments)


def summary(options: argparse.Namespace) -> str:
    """The load and the web, in a line."""
    slow = f"; one page in {options.slow_every} takes 2 s longer" if options.slow_every else ""
    return f"{options.rate:g} calls a second; the web takes {options.pause:g} s for a page{slow}."


def main() -> int:
    """Runs the command line."""
    options = parsed()
    namespace = Namespace(options.namespace)
    try:
        check_context(options.context)
        check_none(namespace)
        remove(namespace) if options.remove else put_on(namespace, options)
    except (ActiveMysteryError, CommandError, ForeignContextError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if not options.remove:
        print(summary(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
