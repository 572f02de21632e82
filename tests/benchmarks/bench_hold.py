"""How long a hostile page of 1 MiB holds the interpreter up at once: `python -m tests.benchmarks.bench_hold`.

A step of the reader runs on the event loop. html5lib runs in a thread, which other threads interrupt between two
bytecodes: there a single call of C code counts, so what is timed is each slice of the text that it takes, the reading
included. The absolute times are this machine's; the least of several turns counts. Exits with 1 where one is longer.
"""

import sys
import time
from collections.abc import Callable

from scrap.opengraph import PageReader
from tests.benchmarks.bench_parser import FAMILIES, pages_of

SIZE = 2**20
PIECE = 16 * 1024
TURNS = 3
BAR = 10.0  # ms
META = b'<meta property="og:title" content="T">'
_Page = tuple[bytes, str | None]


def of(beginning: bytes, unit: bytes, ending: bytes = b"") -> bytes:
    """A page of 1 MiB."""
    return beginning + unit * ((SIZE - len(beginning) - len(ending)) // len(unit)) + ending


PAGES: dict[str, _Page] = {
    **{family: (pages_of(family, [SIZE])[0], "utf-8") for family in FAMILIES},
    "charset at the end": (of(META, b"<p>\x1b$B!!\x1b(B", b"<meta charset=iso-2022-jp>"), None),
    "no charset": (of(META, "é".encode()), None),
    "no charset, invalid at the end": (of(META, "日".encode(), b"\xff"), None),
    "ISO-2022-JP: escapes": (of(b"", b"\x1b$B!"), "iso-2022-jp"),
    "ISO-2022-JP: bad escapes": (of(b"", b"\x1b$"), "iso-2022-jp"),
    "UTF-16: surrogates": (of(b"", b"\x00\xd8"), "utf-16le"),
    "replacement": (of(b"", b"\xff"), "iso-2022-kr"),
    "gap in a table": (of(META[:-3], b"\xaa", b'">'), "windows-1253"),
    "metas of a byte": (of(b"", b"<meta a:>"), "utf-8"),
    "metas with an attribute": (of(b"", b"<meta a=:>"), None),
    "metas with a reference": (of(b"", b"<meta name=&#111;g:a>"), "utf-8"),
    "declaring metas": (of(b"", b"<meta prefix=http://ogp.me/>"), "utf-8"),
    "metas of a namespace": (of(b"", b"<meta name=og:a>"), "utf-8"),
    "bases": (of(b"", b"<base href=a>"), "utf-8"),
    "long meta": (of(META[:-3], b"x", b'">'), "utf-8"),
    "long meta, spaces": (of(b"<meta", b" ", b'property="og:title" content="T">'), "utf-8"),
    "long image": (of(b'<img src="data:image/png;base64,', b"A", b'">' + META), "utf-8"),
    "long tag's name": (of(b"<a", b"a"), "utf-8"),
    "attributes of a special tag": (of(b"<script", b" b", b">"), "utf-8"),
    "attributes in single quotes": (of(b"<a", b" b='>'"), "utf-8"),
    "doubtful <": (of(META + b"<svg>", b"<"), "utf-8"),
    "doubtful bases": (of(META + b"<svg>", b"<base a>"), "utf-8"),
    "long doubtful tag": (of(META + b"<svg><meta", b" a"), "utf-8"),
}


def timed(work: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def holds(page: bytes, charset: str | None) -> dict[str, list[float]]:
    """The ms of each call that reads a page, in the order of the calls."""
    reader = PageReader(charset=charset)
    found: dict[str, list[float]] = {"feed": [], "advance": [], "end": [], "close": []}

    def catch_up() -> None:
        while reader.is_behind:
            found["advance"].append(timed(reader.advance))

    for at in range(0, len(page), PIECE):
        found["feed"].append(timed(lambda at=at: reader.feed(page[at : at + PIECE])))  # type: ignore[misc]
        catch_up()
    found["end"].append(timed(reader.end))
    catch_up()
    found["close"].append(timed(reader.close))
    return found


def main() -> int:
    """Prints the longest call of each page; returns the number of pages with one above the bar."""
    print(f"{'ms at most (bar: ' + format(BAR, 'g') + ')':36}{'feed':>8}{'advance':>9}{'end':>8}{'close':>8}{'all':>9}")
    above = 0
    for name, (page, charset) in PAGES.items():
        turns = [holds(page, charset) for _ in range(TURNS)]
        # Call by call, the least of the turns: what another process took from this one is no hold.
        longest = {
            kind: max(map(min, zip(*(turn[kind] for turn in turns), strict=True)), default=0.0) for kind in turns[0]
        }
        total = min(sum(map(sum, turn.values())) for turn in turns)
        over = max(longest["feed"], longest["advance"], longest["end"]) > BAR
        above += over
        print(
            f"{name:36}" + "".join(f"{ms:8.2f} " for ms in longest.values()) + f"{total:8.0f}" + " <" * over, flush=True
        )
    return above


if __name__ == "__main__":
    sys.exit(main())
