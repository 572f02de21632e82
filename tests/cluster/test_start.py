"""How fast a new pod serves."""

import subprocess
import time
import urllib.request

import pytest

from tests.cluster.clusters import Namespace, call, until

pytestmark = pytest.mark.usefixtures("inside")


@pytest.fixture(scope="module")
def service(namespace: Namespace) -> Namespace:
    """A service that has no pod yet."""
    namespace.install({"replicaCount": 0})
    return namespace


def started_at(namespace: Namespace, pod: str) -> float:
    """When the first process of a pod's container started, in seconds since the epoch, to 10 ms."""
    script = (
        "import os,time; print(open('/proc/1/stat').read().rpartition(')')[2].split()[19], open('/proc/uptime').read())"
    )
    ticks, uptime = namespace.kubectl("exec", pod, "--", "python", "-c", script).split()[:2]
    return time.time() - float(uptime) + int(ticks) / 100


def address(namespace: Namespace) -> str:
    """The address of a new pod, as soon as it has one: to ask for it again and again is slow, and time is measured."""
    pods = ("get", "pods", "--selector=app.kubernetes.io/component=service", "--watch", "--request-timeout=30s")
    command = ["kubectl", "--namespace", namespace.name, *pods, "--output=jsonpath={.status.podIP}{'\\n'}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as kubectl:
        try:
            return next(line.strip() for line in kubectl.stdout or () if line.strip())
        finally:
            kubectl.terminate()


def test_a_new_pod_answers_within_two_seconds(service: Namespace) -> None:
    service.kubectl("scale", "deployment/scrap", "--replicas=1")
    url = f"http://{address(service)}:8080{call('http://127.0.0.1/')}"

    def answers() -> bool:
        try:
            urllib.request.urlopen(url, timeout=5)
        except urllib.error.HTTPError as error:
            return error.code == 403  # it refuses what is inside: it works
        except OSError:
            return False
        return True

    until("it answers", answers, 30)
    answered = time.time()
    (pod,) = service.pods()
    started = started_at(service, pod["metadata"]["name"])
    print(f"first answer {answered - started:.2f} s after the container's start")
    assert answered - started < 2
