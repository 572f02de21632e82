"""`helm test`: does the service do its work, seen from inside the cluster?

The pod is an origin for the time of the test. Where the service may fetch it (SCRAP_ALLOWED_NETWORKS and
SCRAP_ALLOWED_PORTS), it has to answer with the page's Open Graph; where it may not, it has to refuse, and the same
image shows by itself that it can. Reads SERVICE and MANAGEMENT (URLs), POD_IP, and URL (a page outside; empty: none).
"""

import http.server
import ipaddress
import json
import os
import subprocess
import sys
import threading
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
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def scrap(url):
    """What the service answers for a page."""
    return get(f"{os.environ['SERVICE']}/api/v1/scrap?url={urllib.parse.quote(url, safe='')}")


def check(what, holds, seen):
    """Says what was found; ends the test where it is not what was wanted."""
    print("ok  " if holds else "FAIL", what, "" if holds else f"- got: {seen}", flush=True)
    if not holds:
        sys.exit(1)


def is_allowed(address):
    """Was the service told to fetch this address at our port?"""
    networks = [item for item in os.environ.get("SCRAP_ALLOWED_NETWORKS", "").split(",") if item]
    ranges = [item.split("-") for item in os.environ.get("SCRAP_ALLOWED_PORTS", "80,443").split(",")]
    is_port = any(int(ends[0]) <= PORT <= int(ends[-1]) for ends in ranges)
    return is_port and any(address in ipaddress.ip_network(network) for network in networks)


address = ipaddress.ip_address(os.environ["POD_IP"])
host = f"[{address}]" if address.version == 6 else str(address)
page = f"http://{host}:{PORT}/"
server = http.server.ThreadingHTTPServer(("", PORT), Origin)
if address.version == 6:
    http.server.ThreadingHTTPServer.address_family = 10  # AF_INET6
    server.server_close()
    server = http.server.ThreadingHTTPServer(("::", PORT), Origin)
threading.Thread(target=server.serve_forever, daemon=True).start()

status, body = get(os.environ["MANAGEMENT"] + "/readyz")
check("the service is ready", status == 200, (status, body))

status, body = scrap(page)
if is_allowed(address):
    check(f"the service scrapes {page}", status == 200 and json.loads(body).get("title") == "helm test", (status, body))
else:
    check(f"the service refuses {page}, which is inside", status == 403, (status, body))
    allowed = {"SCRAP_ALLOWED_NETWORKS": str(address), "SCRAP_ALLOWED_PORTS": str(PORT)}
    command = ["scrap", "get", page]
    done = subprocess.run(command, env={**os.environ, **allowed}, capture_output=True, text=True, check=False)
    check("its image can scrape it", done.returncode == 0 and "helm test" in done.stdout, done)

status, body = scrap("http://169.254.169.254/latest/meta-data/")
check("the service refuses the cloud's metadata", status == 403, (status, body))

if os.environ.get("URL"):
    status, body = scrap(os.environ["URL"])
    check(f"the service scrapes {os.environ['URL']}", status == 200, (status, body))

status, body = get(os.environ["MANAGEMENT"] + "/metrics")
check("its metrics count calls", "scrap_requests_total{" in body, body[:2000])
