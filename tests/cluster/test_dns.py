"""Names of the internet are looked up absolutely: what that saves in a pod, whose names are tried in a search list."""

import json

import pytest

from tests.cluster.clusters import Namespace, start

IDLE = 'import http.server; http.server.HTTPServer(("", 8080), http.server.BaseHTTPRequestHandler).serve_forever()'
# For both ways: the datagrams that the pod sends for a look-up, and the median of the look-ups' milliseconds.
COUNT = """
import asyncio, json, statistics, sys, time
from scrap.fetch.resolver import Resolver

name, times = sys.argv[1], 50

def sent():
    names, values = [line.split() for line in open("/proc/net/snmp") if line.startswith("Udp:")]
    return int(values[names.index("OutDatagrams")])

async def look_up(resolver, found):
    before, began = sent(), time.perf_counter()
    await resolver(name)
    found.append((sent() - before, 1000 * (time.perf_counter() - began)))

async def main():
    ways = {"absolute": (Resolver(1), []), "searched": (Resolver(1, (name,)), [])}
    for _ in range(times):
        for resolver, found in ways.values():
            await look_up(resolver, found)
    print(json.dumps({way: list(map(statistics.median, zip(*found))) for way, (_, found) in ways.items()}))

asyncio.run(main())
"""


def test_an_absolute_name_takes_two_queries(namespace: Namespace, capsys: pytest.CaptureFixture[str]) -> None:
    start(namespace, "web", IDLE)
    name = f"web.{namespace.name}.svc.cluster.local"  # four dots: with ndots:5 it is tried in the search list first
    found = json.loads(namespace.kubectl("exec", "deployment/web", "--", "python", "-c", COUNT, name))
    with capsys.disabled():
        print(f"\nqueries of a look-up, and its median in ms: {found}")
    domains = namespace.kubectl("exec", "deployment/web", "--", "sh", "-c", "grep ^search /etc/resolv.conf").split()[1:]
    assert found["absolute"][0] == 2  # A and AAAA
    assert found["searched"][0] == 2 * (len(domains) + 1)
