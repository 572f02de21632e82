"""`helm test`: does the service work, from inside the cluster?

The pod is an origin during the test. If the service may fetch it (SCRAP_ALLOWED_NETWORKS and SCRAP_ALLOWED_PORTS), the
response must be the page's Open Graph. If not, the service must refuse it, and a second service of the same image and
settings, in this pod, must return it. Reads SERVICE (URL), MANAGEMENT (the headless Service), POD_IP, and URL (a public
page; empty: none).
"""

import http.server
import ipaddress
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

PORT = 8080
PAGE = b'<!doctype html><html><head><meta property="og:title" content="helm test"></head></html>'


class Origin(http.server.BaseHTTPRequestHandler):
    """Serves one page."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


def get(url):
    """Status and body, whatever the status is."""
    try:
        with urllib.request.urlopen(url, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def failure_to_reach(url):
    """The error of a URL that cannot be reached for ten seconds: nodes learn with a delay which pods are ready."""
    deadline = time.monotonic() + 10
    while True:
        try:
            get(url)
        except OSError as error:
            if time.monotonic() > deadline:
                return error
            time.sleep(0.1)
        else:
            return None


def scrap(url, service=os.environ["SERVICE"]):
    """The response of a service for a page."""
    return get(f"{service}/api/v1/scrap?url={urllib.parse.quote(url, safe='')}")


def requests(pods):
    """The total number of requests in these pods' metrics."""
    pages = [get(f"http://{pod}:8081/metrics")[1] for pod in pods]
    return sum(float(count) for page in pages for count in re.findall(r"^scrap_requests_total{.*} (\S+)", page, re.M))


def check(what, holds, seen):
    """Prints a result; ends the test if the check failed."""
    print("ok  " if holds else "FAIL", what, "" if holds else f"- got: {seen}", flush=True)
    if not holds:
        sys.exit(1)


def in_url(address):
    """An address in a URL's format."""
    return f"[{address}]" if ":" in address else address


def second_service(address):
    """A service in this pod, like the other except that it may fetch this address."""
    own = {"SCRAP_HOST": "127.0.0.1", "SCRAP_PORT": "9080", "SCRAP_MANAGEMENT_HOST": "127.0.0.1"}
    allowed = {"SCRAP_ALLOWED_NETWORKS": address, "SCRAP_ALLOWED_PORTS": str(PORT)}
    environment = {**os.environ, **own, **allowed, "SCRAP_MANAGEMENT_PORT": "9081"}
    process = subprocess.Popen(["scrap", "serve"], env=environment)
    while process.poll() is None:  # the pod's deadline limits this loop
        try:
            if get("http://127.0.0.1:9081/readyz")[0] == 200:
                return "http://127.0.0.1:9080"
        except OSError:
            time.sleep(0.1)
    sys.exit("FAIL the image does not become ready")


def is_allowed(address):
    """Whether the service is configured to fetch this address at our port."""
    networks = [item for item in os.environ.get("SCRAP_ALLOWED_NETWORKS", "").split(",") if item]
    ranges = [item.split("-") for item in os.environ.get("SCRAP_ALLOWED_PORTS", "80,443").split(",")]
    is_port = any(int(ends[0]) <= PORT <= int(ends[-1]) for ends in ranges)
    return is_port and any(address in ipaddress.ip_network(network) for network in networks)


address = ipaddress.ip_address(os.environ["POD_IP"])
page = f"http://{in_url(str(address))}:{PORT}/"
server = http.server.ThreadingHTTPServer(("", PORT), Origin)
if address.version == 6:
    http.server.ThreadingHTTPServer.address_family = 10  # AF_INET6
    server.server_close()
    server = http.server.ThreadingHTTPServer(("::", PORT), Origin)
threading.Thread(target=server.serve_forever, daemon=True).start()

pods = {in_url(found[4][0]) for found in socket.getaddrinfo(os.environ["MANAGEMENT"], 8081)}
responses = {pod: get(f"http://{pod}:8081/readyz") for pod in pods}
check(f"{len(pods)} pods are ready", all(status == 200 for status, _ in responses.values()), responses)
wrong = failure_to_reach(f"{os.environ['SERVICE']}/openapi.json")
check("the Service routes to them", wrong is None, wrong)
before = requests(pods)

status, body = scrap(page)
if is_allowed(address):
    check(f"the service scrapes {page}", status == 200 and json.loads(body).get("title") == "helm test", (status, body))
else:
    check(f"the service refuses {page}, which is an internal address", status == 403, (status, body))
    status, body = scrap(page, second_service(str(address)))
    is_right = status == 200 and json.loads(body).get("title") == "helm test"
    check("if configured to allow it, the image fetches it", is_right, (status, body))

status, body = scrap("http://169.254.169.254/latest/meta-data/")
check("the service refuses the cloud's metadata address", status == 403, (status, body))

if os.environ.get("URL"):
    status, body = scrap(os.environ["URL"])
    check(f"the service scrapes {os.environ['URL']}", status == 200, (status, body))

after = requests(pods)
check("its metrics count these requests", after >= before + 2, f"{before:g} requests before, {after:g} after")
