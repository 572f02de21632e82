"""The sample line of docs/logs.md is one that a real service writes."""

import json
import re
from pathlib import Path

from tests import client, running

PAGE = (Path(__file__).parents[3] / "docs/logs.md").read_text(encoding="utf-8")
SETTINGS = {"SCRAP_ALLOWED_HOSTS": "localhost", "SCRAP_TRUSTED_PROXIES": "127.0.0.1"}
CLIENT = {"User-Agent": "curl/8.14.1", "X-Forwarded-For": "192.0.2.7"}
OF_THE_REQUEST = {"time", "request_id", "target", "target_host", "seconds"}


class DocumentedSite(running.Answer):
    def do_GET(self) -> None:
        self.answer(200, b'<meta property="og:title" content="One">', {"Content-Type": "text/html"})


def test_the_sample_is_the_line_of_a_page_that_was_fetched() -> None:
    (sample,) = re.findall(r"```json\n(.*?)\n```", PAGE)
    with running.service(SETTINGS) as service, running.origin(DocumentedSite) as origin:
        client.scrap(service.url, f"http://localhost:{origin.server_port}/page?token=secret", headers=CLIENT)
        service.stop()
    (written,) = (line for line in map(json.loads, service.log) if line["event"] == "request")
    documented = json.loads(sample)
    assert list(written) == list(documented)
    for name in written.keys() - OF_THE_REQUEST:
        assert isinstance(written[name], float) or written[name] == documented[name]
    assert written["target"].endswith("/page?…")
    assert documented["target"].endswith("/page?…")
