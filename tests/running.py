"""The real service in a process of its own, and an origin for it: for tests, benchmarks and the demonstration."""

import contextlib
import http.server
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

PAGES = Path(__file__).parent / "pages"
_PATIENCE = 30.0  # seconds for the service to say where it serves
_SERVING = re.compile(r"serving on (http://\S+?), management on (http://[^\s\"]+)")


@dataclass(frozen=True)
class Service:
    """A running `scrap serve`.

    Attributes:
        url: its public port.
        management: its management port.
        process: the process; its log is in `log`, complete once it has ended.
    """

    url: str
    management: str
    process: subprocess.Popen[str]
    log: list[str]

    def stop(self) -> int:
        """Asks it to end as Kubernetes does; gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextlib.contextmanager
def service(
    settings: Mapping[str, str] | None = None, *, module: str = "scrap", is_read: bool = True
) -> Iterator[Service]:
    """Starts the service on free ports, with loopback allowed as a target; stops it at the end.

    Args:
        settings: more variables.
        module: what is run instead of scrap itself.
        is_read: whether its log is read while it serves; else it is read when it has ended.

    Raises:
        RuntimeError: it ended, or did not say in 30 s where it serves: with a log level above "info" it never does.
    """
    environment = {
        **os.environ,
        "SCRAP_PORT": "0",
        "SCRAP_MANAGEMENT_PORT": "0",
        "SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
        "SCRAP_ALLOWED_PORTS": "1-65535",
        **(settings or {}),
    }
    command = [sys.executable, "-m", module, "serve"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        log: list[str] = []
        found = None
        impatience = threading.Timer(_PATIENCE, process.kill)
        impatience.start()
        for line in process.stdout:
            log.append(line)
            if found := _SERVING.search(line):
                break
        impatience.cancel()
        if not found:
            raise RuntimeError("the service did not start, or did not say where it serves:\n" + "".join(log))
        reader = threading.Thread(target=log.extend, args=(process.stdout,))
        if is_read:
            reader.start()
        try:
            yield Service(found[1], found[2], process, log)
        finally:
            process.terminate()
            process.wait(60)
            if not is_read:
                reader.start()
            reader.join()


class Answer(http.server.BaseHTTPRequestHandler):
    """Answers with a page; a test's origin subclasses it, or is `Pages`."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Sends a whole answer."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class Pages(Answer):
    """Serves the pages of a folder, without a charset header: what a page says of itself has to do."""

    folder = PAGES

    def do_GET(self) -> None:
        """Serves a file of the folder by its name."""
        page = self.folder / self.path.partition("?")[0].lstrip("/")
        if page.is_file():
            self.answer(200, page.read_bytes(), {"Content-Type": "text/html"})
        else:
            self.answer(404, b"nothing here", {"Content-Type": "text/plain"})


class Origin(http.server.ThreadingHTTPServer):
    """A loopback web server that clients may drop at any time."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Logs nothing of a client that left: scrap leaves as soon as it has read enough."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.server_address[0]!s}:{self.server_port}"


@contextlib.contextmanager
def origin(
    handler: Callable[..., http.server.BaseHTTPRequestHandler] = Pages, host: str = "127.0.0.1"
) -> Iterator[Origin]:
    """Runs a web server of our own on loopback."""
    with Origin((host, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class HeldOrigin(NamedTuple):
    url: str
    arrived: threading.Semaphore  # released by each request
    released: threading.Event  # set by the test: then requests get their response


@contextlib.contextmanager
def held_origin() -> Iterator[HeldOrigin]:
    """Runs a web server that has one page, and responds when the test lets it, or ends."""
    arrived, released = threading.Semaphore(0), threading.Event()

    class Held(Answer):
        def do_GET(self) -> None:
            arrived.release()
            assert released.wait(_PATIENCE)
            self.answer(200, b'<meta property="og:title" content="Late">', {"Content-Type": "text/html"})

    with origin(Held) as server:
        yield HeldOrigin(server.url, arrived, released)
        released.set()
