"""A harmless test alert of each severity, through the whole path: Alertmanager, its routes, the webhook, Slack.

`python -m scripts.alert_test --namespace shop` reaches Alertmanager through `kubectl port-forward`; with `--url` it
connects directly; where there are several instances, the URL must be that of one. What it prints, and what it cannot
distinguish, is described in charts/scrap/files/test_alerts.py, which `helm test` runs inside the cluster.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from charts.scrap.files.test_alerts import WORDS, Trial, test

__all__ = ["Trial", "forwarded", "test"]


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


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="alert-test", description=__doc__)
    parser.add_argument("--namespace", default="scrap", help="the release's namespace (%(default)s)")
    parser.add_argument("--severity", action="append", choices=list(WORDS), help="critical and warning, if not given")
    parser.add_argument("--wait", type=float, default=180, help="seconds that each may take (%(default)s)")
    parser.add_argument("--url", help="one Alertmanager's URL; default: kubectl port-forward")
    parser.add_argument("--service", default="kube-prometheus-stack-alertmanager", help="its Service (%(default)s)")
    parser.add_argument("--service-namespace", default="monitoring", help="and where that is (%(default)s)")
    options = parser.parse_args()
    severities = options.severity or ["critical", "warning"]
    if options.url:
        well = test(options.url, options.namespace, severities, options.wait)
    else:
        with forwarded(options.service, options.service_namespace) as url:
            well = test(url, options.namespace, severities, options.wait)
    sys.exit(not well)


if __name__ == "__main__":
    main()
