"""`helm test` with tests.alerts.enabled: a harmless alert of each severity through Alertmanager to its receivers.

For each severity it prints the receivers of the alert and whether it was delivered. Alertmanager counts deliveries by
the type of a receiver, so another message to Slack in the same seconds looks like the test's: check the channel.
Afterwards Alertmanager reports there that the alert is resolved. `make alert-test` does the same from outside.

In a pod it reads ALERTMANAGER (one instance's URL; empty: the first that PROMETHEUS, a URL, sends alerts to),
NAMESPACE, SEVERITIES (comma-separated), WAIT (seconds that each may take) and PAGE (the page that the alerts link to).
"""

import json
import os
import re
import sys
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

NAME = "ScrapTest"
PAGE = os.environ.get("PAGE", "http://127.0.0.1:8000/docs/slack.md")
WORDS = {
    "critical": "a person would have to act now",
    "warning": "a person would have to act this week",
    "info": "no action would be needed",
}
# Reasons for which Alertmanager does not notify.
HELD = {"mutedBy": "outside its hours", "silencedBy": "silenced by", "inhibitedBy": "inhibited by"}


def say(text: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Trial:
    """The test alert of one severity, and its state in an Alertmanager.

    Args:
        url: Alertmanager's.
        namespace: the release's.
    """

    def __init__(self, url: str, namespace: str, severity: str) -> None:
        self._url = url.rstrip("/")
        self._namespace = namespace
        self._severity = severity
        self._began = datetime.now(UTC)
        # A name for each severity: of one name Alertmanager inhibits the lower severity.
        self._labels = {"alertname": f"{NAME}{severity.capitalize()}", "namespace": namespace, "severity": severity}

    def fire(self, seconds: float) -> None:
        """Lets it fire for this time; 0 resolves it."""
        alert = {
            "labels": self._labels,
            "annotations": {
                "summary": f"This is a test of alerts of severity {self._severity}",
                "description": f"If it were real, {WORDS[self._severity]}. Nothing is wrong.",
                "action": "None. Alertmanager reports when it is resolved.",
                "runbook_url": PAGE,
            },
            "startsAt": self._began.isoformat(),
            "endsAt": (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(),
        }
        self._ask("api/v2/alerts", [alert])

    def receivers(self) -> list[str]:
        """Its receivers, by the routes; `nobody` does not count."""
        found = {one["name"] for alert in self._found("api/v2/alerts") for one in alert["receivers"]}
        ours = f"{self._namespace}/"
        return sorted(name for name in found if name.startswith(ours) and not name.endswith("/nobody"))

    def kinds(self, receiver: str) -> Counter[str]:
        """The number of integrations of a receiver, by type: `slack`, `email`…"""
        configuration = yaml.safe_load(json.loads(self._ask("api/v2/status"))["config"]["original"])
        (found,) = (one for one in configuration["receivers"] if one["name"] == receiver)
        suffix = "_configs"
        return Counter({key.removesuffix(suffix): len(one) for key, one in found.items() if key.endswith(suffix)})

    def held(self, receiver: str) -> str:
        """Why Alertmanager does not notify a receiver of it; empty: no reason."""
        groups = [group for group in self._found("api/v2/alerts/groups") if group["receiver"]["name"] == receiver]
        for status in (alert["status"] for group in groups for alert in group["alerts"]):
            for why, words in HELD.items():
                if status[why]:
                    return f"{words} {', '.join(status[why])}"
        return ""

    def metrics(self) -> str:
        """Alertmanager's metrics."""
        return self._ask("metrics")

    def _found(self, path: str) -> Any:
        query = "&".join(f"filter={name}%3D%22{value}%22" for name, value in self._labels.items())
        return json.loads(self._ask(f"{path}?{query}"))

    def _ask(self, path: str, body: object = None) -> str:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}/{path}", data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text: str = answer.read().decode()
            return text


def counted(metrics: str, receiver: str) -> tuple[Counter[str], Counter[str]]:
    """By type of receiver: the successful requests, and the dropped messages."""

    def total(metric: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for labels, value in re.findall(rf"^alertmanager_{metric}_total{{(.*)}} (\S+)$", metrics, re.MULTILINE):
            pairs = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if pairs.get("receiver_name", receiver) == receiver:  # present only if Alertmanager is configured so
                found[pairs["integration"]] += int(float(value))
        return found

    well = total("notification_requests")
    well.subtract(total("notification_requests_failed"))
    return well, total("notifications_failed")


def outcome(trial: Trial, receiver: str, before: str, wait: float) -> tuple[bool, str]:
    """Whether a receiver got the alert, and a description, as soon as that is known.

    Args:
        before: what Alertmanager had counted before.
        wait: how many seconds it may take.
    """
    kinds = trial.kinds(receiver)
    if not kinds:
        return False, "NO RECEIVER: that receiver is empty"
    well_before, lost_before = counted(before, receiver)
    began = time.monotonic()
    while (past := time.monotonic() - began) < wait:
        well, lost = counted(trial.metrics(), receiver)
        if refused := [kind for kind in kinds if lost[kind] > lost_before[kind]]:
            return False, f"REFUSED by {', '.join(refused)}; see Alertmanager's log and docs/slack.md"
        if all(well[kind] - well_before[kind] >= number for kind, number in kinds.items()):
            return True, f"delivered by {', '.join(kinds)} after {past:.0f} s"
        if held := trial.held(receiver):
            return False, f"MUTED: {held}"
        time.sleep(1)
    return False, (
        f"NOT DELIVERED within {wait:.0f} s. If other alerts of this severity fire already, it is sent with their next "
        "update (--wait 1000); otherwise see Alertmanager's log"
    )


def test(url: str, namespace: str, severities: list[str], wait: float) -> bool:
    """Sends the alerts, prints the results, and returns whether each was delivered to all its receivers.

    Args:
        url: Alertmanager's.
        wait: how many seconds each may take; a warning is sent after two minutes, so that others can join it.
    """
    well = True
    for severity in severities:
        trial = Trial(url, namespace, severity)
        before = trial.metrics()
        trial.fire(wait + 60)
        try:
            receivers = trial.receivers()
            for receiver in receivers:
                delivered, words = outcome(trial, receiver, before, wait)
                say(f"{severity:9} goes to {receiver}: {words}")
                well = well and delivered
        finally:
            trial.fire(0)
        if not receivers:
            say(f"{severity:9} goes to NO RECEIVER: no route matches it; see docs/slack.md")
            well = False
    return well


def first_alertmanager(prometheus: str) -> str:
    """The URL of the first Alertmanager that a Prometheus sends alerts to."""
    with urllib.request.urlopen(f"{prometheus}/api/v1/alertmanagers", timeout=10) as answer:
        found = json.load(answer)["data"]["activeAlertmanagers"]
    if not found:
        sys.exit(f"FAIL {prometheus} knows no Alertmanager: set tests.alerts.alertmanagerUrl")
    url: str = found[0]["url"]
    return url.partition("/api/")[0]


def main() -> None:
    """Reads the pod's variables."""
    given = os.environ
    instance = given["ALERTMANAGER"] or first_alertmanager(given["PROMETHEUS"])
    sys.exit(not test(instance, given["NAMESPACE"], given["SEVERITIES"].split(","), float(given["WAIT"])))


if __name__ == "__main__":
    main()
