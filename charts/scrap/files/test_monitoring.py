"""`helm test`: has Prometheus our targets and rules, are they well, and does Alertmanager know whom to tell?

Reads PROMETHEUS (URL), NAMESPACE, JOBS (comma-separated, each with its headless Service: job=service), RECEIVERS
(comma-separated), RULES (the PrometheusRule's name) and WEBHOOK, which is not shown: without one Prometheus' operator
ignores our AlertmanagerConfig.
"""

import json
import os
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

DEADLINE = time.monotonic() + 150  # a new target is scraped after two intervals of the operator and one of Prometheus


def fetch(url):
    """The JSON at a URL."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def ask(path):
    """What Prometheus' API says."""
    return fetch(f"{os.environ['PROMETHEUS']}/api/v1/{path}")["data"]


def is_up(job, service):
    """Is every ready pod of a Service a target of this job that is up, and nothing else one?"""
    pods = {found[4][0] for found in socket.getaddrinfo(service, 8081)}
    expression = f'up{{namespace="{os.environ["NAMESPACE"]}", job="{job}"}}'
    samples = ask(f"query?query={urllib.parse.quote(expression)}")["result"]
    return len(samples) == len(pods) and all(sample["value"][1] == "1" for sample in samples)


def are_well(name):
    """Are the rules of our PrometheusRule there, and can each be evaluated?"""
    file = f"/{os.environ['NAMESPACE']}-{name}-"
    rules = [rule for group in ask("rules")["groups"] if file in group["file"] for rule in group["rules"]]
    # "unknown" is what has not had its turn yet: some groups have one every few minutes.
    return bool(rules) and all(rule["health"] != "err" for rule in rules)


def is_known(receiver):
    """Does every Alertmanager know this receiver?"""
    urls = [found["url"] for found in ask("alertmanagers")["activeAlertmanagers"]]
    known = [[item["name"] for item in fetch(url.replace("/alerts", "/receivers"))] for url in urls]
    return bool(known) and all(receiver in names for names in known)


def holds(what, condition):
    """Waits for it, and says whether it came."""
    while True:
        try:
            if condition():
                print("ok  ", what, flush=True)
                return
            problem = "not so"
        except (OSError, ValueError) as error:
            problem = error
        if time.monotonic() > DEADLINE:
            print("FAIL", what, f"- {problem}", flush=True)
            sys.exit(1)
        time.sleep(2)


for pair in os.environ["JOBS"].split(","):
    job, service = pair.split("=")
    holds(f"{os.environ['PROMETHEUS']} has every pod of {job} up", lambda job=job, service=service: is_up(job, service))
if os.environ["RULES"]:
    holds("our rules are loaded and well", lambda: are_well(os.environ["RULES"]))
if os.environ["RECEIVERS"] and not os.environ.get("WEBHOOK"):
    print("NOTE no Secret with webhooks: nobody hears of alerts until there is one, see docs/slack.md", flush=True)
else:
    for receiver in filter(None, os.environ["RECEIVERS"].split(",")):
        holds(f"Alertmanager knows {receiver}", lambda receiver=receiver: is_known(receiver))
