"""Every trap of the hostile web against the real `scrap serve`: its answer, its time, its memory, and the next call.

The traps that need a fetch's inside (what is connected to, what is left behind) are in tests/integration/fetch and
tests/property. Here is what a client sees. Names are looked up in a table (tests/hostile/serve.py); all else is real.
"""

import asyncio
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import client, running
from tests.hostile import serve
from tests.hostile.answers import BOMBS, CARD, EVERY, HTML, MIB, bomb, by_path, half_closes, page, redirect, says
from tests.hostile.certificates import NAME, Certificates
from tests.hostile.origin import Answer, Request, serving
from tests.hostile.spellings import spellings

BOUND = 20.0  # seconds for anything; the deadline is 2
GROWTH = 16 * MIB
SETTINGS = {"SCRAP_DEADLINE": "2", "SCRAP_FIRST_BYTE_SECONDS": "1", "SCRAP_CONNECT_SECONDS": "2"}
NAMES = {
    NAME: [["127.0.0.1"]],
    "rebinding.example": [["127.0.0.1"], ["10.0.0.1"]],
    "mixed.example": [["127.0.0.1", "10.0.0.1"]],
    "mixed6.example": [["127.0.0.1", "::ffff:10.0.0.1"]],
    "mapped.example": [["64:ff9b::a00:1"]],
    "junk.example": [["not an address"]],
    "silent.example": [],
}
CHUNKED = HTML + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Trap:
    """What is served, and what the client of the service receives.

    Attributes:
        reason: of the problem; None for a preview.
        title: of the preview, where it has one.
        host: the URL's host; the origin's own by default.
        certificate: the origin speaks TLS and shows one for this name.
    """

    answer: Answer
    status: int
    reason: str | None = None
    title: str | None = None
    host: str = "127.0.0.1"
    certificate: str = ""


def lengths(*fields: bytes, body: bytes = CARD) -> Answer:
    """A page with these header fields about its length."""
    return says(HTML + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body)


def chunks(*parts: bytes) -> Answer:
    """A chunked page: a good first chunk, then these bytes."""
    return says(CHUNKED + b"%x\r\n%b\r\n" % (len(CARD), CARD) + b"".join(parts))


def broken(answer: Answer) -> Trap:
    """No HTTP."""
    return Trap(answer, 502, "protocol_error")


async def rebinding(request: Request, writer: asyncio.StreamWriter) -> None:
    """Redirects its client to its own name, which means another address by then."""
    await redirect(b"http://%b/again" % (request.header("host") or "").encode())(request, writer)


def forbidden() -> Iterator[tuple[str, Trap]]:
    """Redirects to what is private, in every spelling."""
    for target in ("10.0.0.1", "169.254.169.254"):
        for spelling in spellings(target):
            answer = redirect(f"http://{spelling}/".encode())
            unreadable = "%" in spelling
            yield (
                f"to {spelling}",
                Trap(answer, 502, "redirect_invalid") if unreadable else Trap(answer, 403, "blocked_address"),
            )
    for target in ("[fd00::1]", "[fe80::1]", "[::]", "[fec0::1]", "[ff02::1]", "168.63.129.16", "100.100.100.200"):
        yield f"to {target}", Trap(redirect(f"http://{target}/".encode()), 403, "blocked_address")
    for name in ("localhost", "metadata.google.internal", "kubernetes.default.svc", "a..example"):
        yield f"to {name}", Trap(redirect(f"http://{name}/".encode()), 403, "blocked_name")


TRAPS: dict[str, Trap] = {
    # Answers that do not come, or never end.
    "silent": Trap(EVERY["/silent"], 504, "timeout_first_byte"),
    "closed": broken(EVERY["/closed"]),
    "a head that drips": Trap(EVERY["/head-drip"], 504, "timeout_first_byte"),
    "a body that drips": Trap(EVERY["/body-drip"], 504, "timeout_total"),
    "half closed in the head": broken(EVERY["/half-closed"]),
    "half closed in the body": Trap(half_closes(HTML + b"Content-Length: 100000\r\n\r\n" + CARD), 200, title="Alive"),
    "endless body": Trap(EVERY["/endless-body"], 200),
    "endless download": Trap(EVERY["/binary"], 200),
    # Heads.
    "10 MiB of header fields": Trap(
        says(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * (10 * MIB // 8) + b"\r\n"), 502, "headers_too_large"
    ),
    "10 MiB in one header field": Trap(
        says(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 10 * MIB + b"\r\n\r\n"), 502, "headers_too_large"
    ),
    "endless header fields": Trap(EVERY["/endless-header-fields"], 502, "headers_too_large"),
    "1xx for ever": Trap(EVERY["/interim-flood"], 502, "headers_too_large"),
    "1xx 2,000 times": Trap(says(b"HTTP/1.1 100 Continue\r\n\r\n" * 4000), 502, "headers_too_large"),
    "1xx 100 times, then a page": Trap(
        says(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100 + HTML + b"\r\n" + CARD), 200, title="Alive"
    ),
    "switching protocols": broken(EVERY["/upgrade"]),
    "HTTP/0.9": broken(EVERY["/http-0.9"]),
    "no status": broken(EVERY["/no-status"]),
    # Lengths.
    "longer than it says": Trap(EVERY["/long"], 200, title="Alive"),
    "shorter than it says": Trap(EVERY["/short"], 200, title="Alive"),
    "a negative length": broken(lengths(b"Content-Length: -1")),
    "a length that overflows": broken(lengths(b"Content-Length: 99999999999999999999999")),
    "a length that is a list": Trap(lengths(b"Content-Length: 83, 83"), 200, title="Alive"),
    "the same length twice": Trap(lengths(b"Content-Length: 83", b"Content-Length: 83"), 200, title="Alive"),
    "two lengths in a list": broken(lengths(b"Content-Length: 5, 83")),
    "a length after white space": broken(lengths(b"Content-Length : 83")),
    "a length on a folded line": broken(lengths(b"Content-Length: 8\r\n 3")),
    "two lengths": broken(lengths(b"Content-Length: 5", b"Content-Length: 83")),
    "a length that is no number": broken(lengths(b"Content-Length: many")),
    "a length and chunks": Trap(
        lengths(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"53\r\n" + CARD + b"\r\n0\r\n\r\n"),
        200,
        title="Alive",
    ),
    "chunks after white space": broken(
        lengths(b"Transfer-Encoding : chunked", body=b"53\r\n" + CARD + b"\r\n0\r\n\r\n")
    ),
    # Chunks.
    "chunks": Trap(chunks(b"0\r\n\r\n"), 200, title="Alive"),
    "chunks cut off": Trap(chunks(b"ff\r\nabc"), 200, title="Alive"),
    "a chunk whose size overflows": broken(EVERY["/chunk-soup"]),
    "a chunk whose size is no number": broken(chunks(b"zz\r\nabc\r\n")),
    "a chunk whose size is negative": broken(chunks(b"-5\r\nabcde\r\n")),
    "a chunk whose size has a prefix": broken(chunks(b"0x5\r\nabcde\r\n")),
    "a chunk that is longer than it says": broken(chunks(b"2\r\nabcde\r\n0\r\n\r\n")),
    "a chunk without a size": broken(chunks(b"\r\nabc\r\n")),
    "endless chunk extension": Trap(EVERY["/endless-chunk-extension"], 200),
    "endless trailer": Trap(EVERY["/endless-trailer"], 200),
    "chunks of one byte": Trap(EVERY["/chunks-of-one"], 200),
    # Codings.
    **{f"bomb in {coding}": Trap(EVERY[f"/bomb/{re.sub('[ ,]+', '-', coding)}"], 200) for coding in BOMBS},
    "gzip in gzip": Trap(page(gzip.compress(gzip.compress(CARD)), b"Content-Encoding: gzip, gzip"), 200, title="Alive"),
    "empty members of gzip": Trap(EVERY["/members/gzip"], 502, "body_unreadable"),
    "empty frames of zstd": Trap(EVERY["/members/zstd"], 502, "body_unreadable"),
    "skippable frames of zstd": Trap(EVERY["/members/zstd-skippable"], 502, "body_unreadable"),
    "a coding that is not there": Trap(page(CARD, b"Content-Encoding: gzip"), 502, "body_unreadable"),
    # Redirects.
    "a loop": Trap(redirect(b"/"), 502, "redirect_loop"),
    "to a file": Trap(EVERY["/file"], 502, "redirect_invalid"),
    **dict(forbidden()),
    # Names.
    "a name that changes its mind": Trap(rebinding, 403, "blocked_address", host="rebinding.example"),
    "a name with a private address, too": Trap(page(), 403, "blocked_address", host="mixed.example"),
    "a name with a mapped private address, too": Trap(page(), 403, "blocked_address", host="mixed6.example"),
    "a name of a private address behind NAT64": Trap(page(), 403, "blocked_address", host="mapped.example"),
    "a name that is no address": Trap(page(), 403, "blocked_address", host="junk.example"),
    "a name that nobody knows": Trap(page(), 502, "dns_failed", host="nowhere.example"),
    "a name that is silent": Trap(page(), 504, "timeout_total", host="a.silent.example"),
    # TLS.
    "the right certificate": Trap(page(), 200, title="Alive", host=NAME, certificate=NAME),
    "a wrong certificate": Trap(page(), 502, "tls_failed", host=NAME, certificate="elsewhere.example"),
}


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return Certificates()


@pytest.fixture(scope="module")
def service(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Service]:
    """A service that trusts our authority; warm, so that what grows is the trap's."""
    for coding in BOMBS:
        bomb(coding)
    trusted = tmp_path_factory.mktemp("tls") / "authority.pem"
    certificates.write_trust(trusted)
    names = {"NAMES": json.dumps(NAMES), "SSL_CERT_FILE": str(trusted)}
    with running.service(SETTINGS | names, module=serve.__name__) as service, running.origin() as origin:
        for number in range(20):
            assert client.scrap(service.url, f"{origin.url}/card.html?{number}").status == 200
        yield service


def resident(service: running.Service, which: str) -> int:
    """Bytes of its memory."""
    found = re.search(rf"{which}:\s+(\d+)", Path(f"/proc/{service.process.pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


@pytest.mark.parametrize("name", TRAPS)
async def test_trap(name: str, service: running.Service, certificates: Certificates) -> None:
    trap = TRAPS[name]
    unique = quote(name, safe="")  # ports come again, and answers are kept
    context = certificates.good(trap.certificate) if trap.certificate else None
    async with (
        serving(by_path({"/": trap.answer}), context) as origin,
        serving(page()) as other,
        asyncio.timeout(BOUND),
    ):
        Path(f"/proc/{service.process.pid}/clear_refs").write_text("5")  # the peak starts anew from here (proc(5))
        before = resident(service, "VmRSS")
        answer = await asyncio.to_thread(client.scrap, service.url, origin.url(f"/?{unique}", trap.host))
        grown = resident(service, "VmHWM") - before
        alive = await asyncio.to_thread(client.scrap, service.url, other.url(f"/alive?{unique}"))
    assert (answer.status, answer.json.get("reason")) == (trap.status, trap.reason)
    assert answer.json.get("title") == (trap.title if trap.reason is None else answer.json.get("title"))
    assert grown < GROWTH
    assert (alive.status, alive.json["title"]) == (200, "Alive")
