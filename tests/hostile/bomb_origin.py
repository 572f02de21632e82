"""An origin of the pages of `bombs`, in a process of its own, whose responses are ready before they are asked for.

    python -m tests.hostile.bomb_origin ADDRESSES TRUST

listens on 127.0.2.1, 127.0.2.2, …, for clients different hosts; writes the certificate of its authority to the file
TRUST, and prints its ports: for HTTP, and for HTTPS. A URL is made by `BombOrigin.url`: its path names the page, when
it is sent, and over how many seconds. So hundreds of responses arrive together, however long it took to ask for them.
"""

import asyncio
import contextlib
import functools
import logging
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

from tests.hostile.bombs import BOMBS, CARD, HONEST, Bomb
from tests.hostile.certificates import Certificates

_PAGES = {page.name: page for page in (*BOMBS.values(), CARD, HONEST)}
_HEAD = b"HTTP/1.1 %b\r\n%b\r\n\r\n"
_PIECES = 32  # of a slow response
_RECORDS = 1024  # written at once
_UNSENT = 64 * 1024  # bytes that the kernel holds of a response in records: each costs the origin as well
_BACKLOG = 4096


@dataclass(frozen=True)
class BombOrigin:
    """A running origin.

    Attributes:
        http: its port for HTTP.
        https: its port for HTTPS.
        addresses: how many it listens on.
        trust: the file with its authority's certificate, for SSL_CERT_FILE.
    """

    http: int
    https: int
    addresses: int
    trust: Path

    def url(self, bomb: Bomb, number: int, *, at: float = 0.0, seconds: float = 0.0) -> str:
        """The URL of a page, a different one for each number, at the origin's addresses in turn.

        Args:
            at: the `time.monotonic()` at which the response is sent; one that has passed: at once.
            seconds: for how long it is sent.
        """
        scheme, port = ("https", self.https) if bomb.in_records_of_one else ("http", self.http)
        url = f"{scheme}://{address(number % self.addresses)}:{port}/{bomb.name}/{at:.3f}/{seconds:g}/{number}/"
        return f"{url}{'a' * (bomb.url_length - len(url) - 1)}/" if bomb.url_length else url


def address(number: int) -> str:
    """The origin's `number`-th address."""
    return f"127.0.2.{number + 1}"


@contextlib.contextmanager
def bomb_origin(addresses: int = 64) -> Iterator[BombOrigin]:
    """Runs the origin, on the cores that this process may use; stops it at the end."""
    with tempfile.TemporaryDirectory() as folder:
        trust = Path(folder) / "authority.pem"
        command = [sys.executable, "-m", __name__, str(addresses), str(trust)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            try:
                http, https = map(int, process.stdout.readline().split())
                yield BombOrigin(http, https, addresses, trust)
            finally:
                process.kill()


@functools.cache
def _response(name: str) -> bytes:
    fields, body = _PAGES[name].page()
    if not any(field.startswith(b"Transfer-Encoding") for field in fields):
        fields = (*fields, b"Content-Length: %d" % len(body))
    return _HEAD % (b"200 OK", b"\r\n".join(fields)) + body


class _Connection(asyncio.Protocol):
    """One connection to the origin; the first request is answered, then it is closed."""

    def __init__(self) -> None:
        self._asked = b""
        self._pieces: Iterator[list[bytes]] = iter(())
        self._between = 0.0  # seconds from one piece to the next
        self._is_full = False
        self._waits = False  # until the transport takes the next piece

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._asked.endswith(b"\r\n\r\n"):
            return
        self._asked += data
        if self._asked.endswith(b"\r\n\r\n"):
            _, name, at, seconds, *rest = self._asked.split(b" ", 2)[1].decode("ascii").split("/")
            self._answer(_PAGES[name], float(at), float(seconds), "/".join(rest))

    def _answer(self, bomb: Bomb, at: float, seconds: float, rest: str) -> None:
        if bomb.redirect_length > len(rest):
            path = f"/{bomb.name}/{at}/{seconds}/{rest}{'a' * bomb.redirect_length}/"
            self._transport.write(_HEAD % (b"302 Found", b"Content-Length: 0\r\nLocation: " + path.encode("ascii")))
            self._transport.close()
            return
        response = _response(bomb.name)
        if bomb.in_records_of_one:
            size, self._pieces = _RECORDS, _bytes(response)
        else:
            size = len(response) // _PIECES + 1 if seconds else len(response)
            self._pieces = ([response[start : start + size]] for start in range(0, len(response), size))
        self._between = seconds * size / len(response)
        loop = asyncio.get_running_loop()
        loop.call_later(max(0.0, at - time.monotonic()), self._send)

    def _send(self) -> None:
        """Sends the next piece, and the others after it, as long as the client takes them."""
        if self._transport.is_closing():
            return  # the client has left
        piece = next(self._pieces, None)
        if piece is None:
            self._transport.close()
            return
        self._transport.writelines(piece)  # over TLS, each of them is a record
        if self._between or not self._is_full:
            asyncio.get_running_loop().call_later(self._between, self._send)
        else:
            self._waits = True

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        if self._waits:
            self._waits = False
            asyncio.get_running_loop().call_soon(self._send)


def _bytes(response: bytes) -> Iterator[list[bytes]]:
    """The bytes of a response, one by one, some thousands at once."""
    for start in range(0, len(response), _RECORDS):
        yield [bytes((byte,)) for byte in response[start : start + _RECORDS]]


async def _serve(addresses: int, trust: Path) -> None:
    loop = asyncio.get_running_loop()
    certificates = Certificates()
    certificates.write_trust(trust)
    http = https = 0
    for number in range(addresses):
        host = address(number)
        plain = await loop.create_server(_Connection, host, http, backlog=_BACKLOG)
        secure = await loop.create_server(_Connection, host, https, backlog=_BACKLOG, ssl=certificates.good(host))
        for listener in secure.sockets:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNSENT)  # inherited by connections
        http, https = (server.sockets[0].getsockname()[1] for server in (plain, secure))
    print(http, https, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of each client that leaves early
    uvloop.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
