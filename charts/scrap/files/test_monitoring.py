"""`helm test`: does Prometheus have the targets and rules, are they healthy, and does Alertmanager have the receivers?

Reads PROMETHEUS (URL), NAMESPACE, JOBS (comma-separated, each with its headless Service: job=service), RECEIVERS
(comma-separated), RULES (the PrometheusRule's name) and WEBHOOK, which is never printed: without one Prometheus'
operator rejects our AlertmanagerConfig.
"""

import json
import os
import re
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

DEADLINE = time.monotonic() + 150  # a new target is scraped after two intervals of the operator and one of Prometheus


def fetch(url):
    """The JSON at a URL."""
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


def ask(path):
    """The data of a response of Prometheus' API."""
    return fetch(f"{os.environ['PROMETHEUS']}/api/v1/{path}")["data"]


def query(expression):
    """The samples that an expression gives."""
    return ask(f"query?query={urllib.parse.quote(expression)}")["result"]


def is_up(job, service):
    """Whether exactly the ready pods of a Service are targets of this job, and all are up."""
    pods = {found[4][0] for found in socket.getaddrinfo(service, 8081)}
    samples = query(f'up{{namespace="{os.environ["NAMESPACE"]}", job="{job}"}}')
    return len(samples) == len(pods) and all(sample["value"][1] == "1" for sample in samples)


def are_healthy(name):
    """Whether the rules of our PrometheusRule are loaded, and none fails."""
    # Behind the name comes the object's UID; `scrap-` alone would be the beginning of `scrap-b-` as well.
    file = re.compile(rf"/{os.environ['NAMESPACE']}-{name}-[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}\.yaml$")
    rules = [rule for group in ask("rules")["groups"] if file.search(group["file"]) for rule in group["rules"]]
    # "unknown" means not yet evaluated: some groups have an interval of minutes.
    return bool(rules) and all(rule["health"] != "err" for rule in rules)


def has_receiver(receiver):
    """Whether every Alertmanager has this receiver."""
    urls = [found["url"] for found in ask("alertmanagers")["activeAlertmanagers"]]
    known = [[item["name"] for item in fetch(url.replace("/alerts", "/receivers"))] for url in urls]
    return bool(known) and all(receiver in names for names in known)


def risks():
    """What is lost with a pod of Alertmanager; nothing is known of one that does not run in this cluster.

    These are notices: alerts arrive all the same, and Alertmanager is seldom this release's to change.
    """
    addresses = {urllib.parse.urlsplit(found["url"]).hostname for found in ask("alertmanagers")["activeAlertmanagers"]}
    pods = f'kube_pod_info{{pod_ip=~"{"|".join(sorted(addresses))}"}}'
    if len(query(f"count by (namespace, pod) ({pods})")) == 1:
        yield "Alertmanager has a single pod: while that is away, nobody is notified"
    if query(f"{pods} unless on (namespace, pod) kube_pod_spec_volumes_persistentvolumeclaims_info"):
        yield "Alertmanager has no storage: after a restart it reports no alert as resolved"


def holds(what, condition):
    """Waits until the condition holds, and prints the result."""
    while True:
        try:
            if condition():
                print("ok  ", what, flush=True)
                return
            problem = "the condition does not hold"
        except (OSError, ValueError) as error:
            problem = error
        if time.monotonic() > DEADLINE:
            print("FAIL", what, f"- {problem}", flush=True)
            sys.exit(1)
        time.sleep(2)


for pair in os.environ["JOBS"].split(","):
    job, service = pair.split("=")
    holds(f"{os.environ['PROMETHEUS']} scrapes all pods of {job}", lambda job=job, service=service: is_up(job, service))
if os.environ["RULES"]:
    holds("the rules are loaded and healthy", lambda: are_healthy(os.environ["RULES"]))
if os.environ["RECEIVERS"] and not os.environ.get("WEBHOOK"):
    print(
        "NOTE there is no Secret with webhooks: no alert reaches Slack until it exists, see docs/slack.md", flush=True
    )
else:
    for receiver in filter(None, os.environ["RECEIVERS"].split(",")):
        holds(f"Alertmanager has {receiver}", lambda receiver=receiver: has_receiver(receiver))
if os.environ["RECEIVERS"]:
    for risk in risks():
        print("NOTE", f"{risk}, see docs/slack.md", flush=True)
