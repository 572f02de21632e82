"""What the web does wrong, and the way to it: origins, names, packets, and a client that asks for too much."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cluster.clusters import call, nodes, run, start
from tests.cluster.faults.breaking import SYSTEM, Broken, Words
from tests.cluster.faults.scene import Scene
from tests.cluster.faults.traffic import Traffic
from tests.cluster.providers.choice import provider


@contextmanager
def in_mode(scene: Scene, mode: str) -> Iterator[Words]:
    """The web does what its program has under this word."""
    web = ("exec", "deployment/web", "--", "sh", "-c")
    scene.namespace.kubectl(*web, f"echo {mode} >/tmp/mode")
    try:
        yield {}
    finally:
        scene.namespace.kubectl(*web, "rm /tmp/mode")


def origins_slow(scene: Scene) -> Broken:
    """Every page begins after four seconds."""
    return in_mode(scene, "slow")


def origins_refuse_some(scene: Scene) -> Broken:
    """Half of the pages are 403."""
    return in_mode(scene, "refuse")


def previews_vanish(scene: Scene) -> Broken:
    """Every page is a consent page, without Open Graph, and 200."""
    return in_mode(scene, "consent")


def wave(scene: Scene, rate: float, patience: float = 12) -> Traffic:
    """So many more calls a second, each for another page."""
    page = f"http://web.{scene.namespace.name}.svc/wave"
    return Traffic(scene.namespace.address(), lambda number: f"{page}/{scene.unique()}/{number}", rate, patience)


@contextmanager
def web_unreachable_under_load(scene: Scene) -> Iterator[Words]:
    """Eight times the usual load, and then every packet to the web is lost: connections hang until their timeouts."""
    (pod,) = scene.namespace.get("pods", "-l", "app=web")["items"]
    drop = ("FORWARD", "--destination", pod["status"]["podIP"], "--protocol", "tcp", "--jump", "DROP")
    tables = [*provider().shell(nodes()[0]), "iptables"]
    with wave(scene, 45).calling():
        run(*tables, "--insert", *drop)
        try:
            yield {}
        finally:
            run(*tables, "--delete", *drop)


# Answers as the real one, so much later.
SLOW_DNS = """
import http.server, socket, threading, time
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 5353))

def relay(query, client):
    time.sleep({delay})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as real:
        real.settimeout(3)
        real.sendto(query, {upstream})
        server.sendto(real.recv(4096), client)

def answer():
    while True:
        threading.Thread(target=relay, args=server.recvfrom(4096), daemon=True).start()

threading.Thread(target=answer, daemon=True).start()
http.server.HTTPServer(("", 8080), http.server.BaseHTTPRequestHandler).serve_forever()
"""


@contextmanager
def dns_slow(scene: Scene) -> Iterator[Words]:
    """Each look-up in the cluster takes 0.4 s longer; a page needs four, by the search list, one after the other."""
    service = SYSTEM.get("service", "kube-dns")["spec"]
    (slices,) = SYSTEM.get("endpointslices", "-l", "kubernetes.io/service-name=kube-dns")["items"]
    (port,) = (port["port"] for port in slices["ports"] if port["protocol"] == "UDP")
    upstream = slices["endpoints"][0]["addresses"][0], port
    start(SYSTEM, "slow-dns", SLOW_DNS.format(delay=0.4, upstream=upstream))
    late = [{**port, "targetPort": 5353} if port["protocol"] == "UDP" else port for port in service["ports"]]
    changed({"selector": dict.fromkeys(service["selector"]) | {"app": "slow-dns"}, "ports": late})
    try:
        yield {}
    finally:
        changed({"selector": {"app": None} | service["selector"], "ports": service["ports"]})
        SYSTEM.kubectl("delete", "deployment,service", "slow-dns", "--wait=false")


def changed(spec: dict[str, object]) -> None:
    """Changes the Service of the cluster's DNS."""
    SYSTEM.kubectl("patch", "service", "kube-dns", "--type", "merge", "--patch", json.dumps({"spec": spec}))


# Asks for slow pages, three hundred at once.
FLOOD = """
import http.server, itertools, threading, time
from urllib.request import Request, urlopen
NUMBERS = itertools.count()

def ask():
    while True:
        try:
            url = "http://{address}{path}".replace("NUMBER", str(next(NUMBERS)))
            urlopen(Request(url, headers={{"User-Agent": "batch/1.0"}}), timeout=12).read()
        except OSError:
            time.sleep(1)

for _ in range(300):
    threading.Thread(target=ask, daemon=True).start()
http.server.HTTPServer(("", 8080), http.server.BaseHTTPRequestHandler).serve_forever()
"""


@contextmanager
def flood(scene: Scene) -> Iterator[Words]:
    """One client, a pod, asks for more slow pages than there are slots."""
    page = call(f"http://web.{scene.namespace.name}.svc/late/{scene.unique()}/NUMBER")
    start(scene.namespace, "flood", FLOOD.format(address=scene.namespace.address(), path=page))
    try:
        yield {}
    finally:
        scene.namespace.kubectl("delete", "deployment,service", "flood")
