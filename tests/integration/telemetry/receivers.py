"""Receivers of telemetry on loopback: one that understands, one that hangs, and where there is none."""

import contextlib
import gzip
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import brotli

_DECODERS: dict[str | None, Callable[[bytes], bytes]] = {
    None: bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
}


@dataclass
class Received:
    """A request that a receiver took."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Takes requests and keeps them."""

    url: str
    requests: list[Received] = field(default_factory=list)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def wait(self) -> None:
        """Waits for one more request."""
        assert self.came.acquire(timeout=30), "nothing came"


@contextlib.contextmanager
def receiver(answer: bytes = b"", *, status: Callable[[], int] = lambda: 200) -> Iterator[Receiver]:
    """Runs a receiver that answers every POST."""

    class ReceiverHandler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = _DECODERS[self.headers.get("Content-Encoding")](body)
            kept.requests.append(Received(self.path, dict(self.headers), body))
            self.send_response(status())
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            kept.came.release()

        def log_message(self, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), ReceiverHandler) as server:
        kept = Receiver(f"http://127.0.0.1:{server.server_port}")
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield kept
        finally:
            server.shutdown()


@contextlib.contextmanager
def hanging() -> Iterator[str]:
    """Listens, accepts what the kernel accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def gone() -> Iterator[str]:
    """An address where nobody listens any more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    yield url
