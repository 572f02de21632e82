"""A harmless test alert of each grade, through the whole path: Alertmanager, its routes, the webhook, Slack.

`python -m scripts.alert_test --namespace shop` reaches Alertmanager by `kubectl port-forward`; `--url` needs none.
Says who takes each alert and whether a request to them failed; after a while Alertmanager tells that they are over.
"""

import argparse
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

NAME = "ScrapTest"
PAGE = "https://github.com/scrap-dev/scrap/blob/main/docs/slack.md"
WORDS = {
    "critical": "somebody would have to act now",
    "warning": "somebody would have to act this week",
    "info": "nobody would have to act",
}


def say(text: str) -> None:
    """Tells the user."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def alert(grade: str, namespace: str, began: datetime, ends: datetime) -> dict[str, Any]:
    """A test alert, as Alertmanager's API takes it."""
    return {
        "labels": {"alertname": NAME, "namespace": namespace, "severity": grade},
        "annotations": {
            "summary": f"This is a test of alerts of grade {grade}",
            "description": f"If it were real, {WORDS[grade]}. Nothing is wrong.",
            "action": "Nothing. It says by itself when it is over.",
            "runbook_url": PAGE,
        },
        "startsAt": began.isoformat(),
        "endsAt": ends.isoformat(),
    }


def ask(url: str, body: object = None) -> str:
    """What Alertmanager answers; a body is posted."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})  # noqa: S310 - the user's own
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the user's own
        text: str = answer.read().decode()
        return text


def receivers(url: str, grade: str, namespace: str) -> list[str]:
    """Who takes the alert of this grade, by Alertmanager's routes."""
    query = f"filter=alertname%3D%22{NAME}%22&filter=namespace%3D%22{namespace}%22&filter=severity%3D%22{grade}%22"
    found = json.loads(ask(f"{url}/api/v2/alerts?{query}"))
    return sorted({receiver["name"] for item in found for receiver in item["receivers"]})


def sent(url: str) -> tuple[float, float]:
    """Requests to receivers of every kind since Alertmanager began, and how many of them failed."""
    lines = ask(f"{url}/metrics")

    def total(metric: str) -> float:
        return sum(float(value) for value in re.findall(rf"^{metric}{{.*}} (\S+)$", lines, re.MULTILINE))

    return total("alertmanager_notification_requests_total"), total("alertmanager_notification_requests_failed_total")


@contextmanager
def forwarded(service: str, namespace: str) -> Iterator[str]:
    """A Service of the cluster at a port of this machine, as a URL."""
    command = ["kubectl", "--namespace", namespace, "port-forward", f"service/{service}", ":9093"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - the user's own
        try:
            line = process.stdout.readline() if process.stdout else ""
            port = re.search(r"127\.0\.0\.1:(\d+)", line)
            if not port:
                sys.exit(f"kubectl does not reach service/{service} in namespace {namespace}: see its message above")
            yield f"http://127.0.0.1:{port[1]}"
        finally:
            process.terminate()


def test(url: str, namespace: str, grades: list[str], wait: float) -> bool:
    """Sends the alerts and says what became of them.

    Args:
        url: Alertmanager's.
        wait: seconds until they are over; a warning is sent after two minutes, so that others can join it.
    """
    before = sent(url)
    began = datetime.now(UTC)
    ask(f"{url}/api/v2/alerts", [alert(grade, namespace, began, began + timedelta(seconds=wait)) for grade in grades])
    time.sleep(2)
    taken = True
    for grade in grades:
        found = [name for name in receivers(url, grade, namespace) if name.startswith(f"{namespace}/")]
        taken = taken and bool(found)
        whom = ", ".join(found) or "NOBODY: there is no route for it"
        say(f"{grade:9} goes to {whom}")
    if not taken:
        say(f"See kubectl -n {namespace} get events --field-selector reason=InvalidConfiguration, and docs/slack.md")
        return False
    say(f"Waiting {wait:.0f} s until it is over…")
    time.sleep(wait)
    requests, failed = (now - then for now, then in zip(sent(url), before, strict=True))
    say(f"Alertmanager has made {requests:.0f} requests to receivers meanwhile, of which {failed:.0f} failed.")
    if failed or not requests:
        say("Read why in Alertmanager's log; docs/slack.md says what it means.")
    return requests > 0 and not failed


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="alert-test", description=__doc__)
    parser.add_argument("--namespace", default="scrap", help="the release's namespace (%(default)s)")
    parser.add_argument("--grade", action="append", choices=list(WORDS), help="critical and warning, if not given")
    parser.add_argument("--wait", type=float, default=150, help="seconds until it is over (%(default)s)")
    parser.add_argument("--url", help="Alertmanager's URL; without it kubectl finds the way")
    parser.add_argument("--service", default="kube-prometheus-stack-alertmanager", help="its Service (%(default)s)")
    parser.add_argument("--service-namespace", default="monitoring", help="and where that is (%(default)s)")
    options = parser.parse_args()
    grades = options.grade or ["critical", "warning"]
    if options.url:
        well = test(options.url.rstrip("/"), options.namespace, grades, options.wait)
    else:
        with forwarded(options.service, options.service_namespace) as url:
            well = test(url, options.namespace, grades, options.wait)
    sys.exit(not well)


if __name__ == "__main__":
    main()
