"""How long a hostile page of 1 MiB holds up the interpreter at once: `python -m tests.benchmarks.bench_hold`.

The reader's calls run on the event loop, so each of them counts. html5lib runs in a thread, which others interrupt
between two bytecodes, so there a single call of C code counts. Times are CPU time of this machine; of several turns the
least counts, call by call. Exits with the number of pages that are above the bar.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

from scrap.opengraph import PageReader, read_with_html5lib
from tests.benchmarks.bench_parser import FAMILIES, META, pages_of

SIZE = 2**20
PIECE = 16 * 1024
TURNS = 3
BAR = 4.0  # ms
COLUMNS = ("feed", "advance", "end", "close")


def of(beginning: bytes, unit: bytes, ending: bytes = b"") -> bytes:
    """A page of 1 MiB."""
    return beginning + unit * ((SIZE - len(beginning) - len(ending)) // len(unit)) + ending


PAGES: dict[str, tuple[bytes, str | None]] = {
    **{family: (pages_of(family, [SIZE])[0], "utf-8") for family in FAMILIES},
    "charset at the end": (of(META, b"<p>\x1b$B!!\x1b(B", b"<meta charset=iso-2022-jp>"), None),
    "no charset": (of(META, "é".encode()), None),
    "ISO-2022-JP: escapes": (of(b"", b"\x1b$B!"), "iso-2022-jp"),
    "ISO-2022-JP: bad escapes": (of(b"", b"\x1b$"), "iso-2022-jp"),
    "UTF-16: surrogates": (of(b"", b"\x00\xd8"), "utf-16le"),
    "replacement": (of(b"", b"\xff"), "iso-2022-kr"),
    "gap in a table": (of(META[:-3], b"\xaa", b'">'), "windows-1253"),
    "metas of a byte": (of(b"", b"<meta a:>"), "utf-8"),
    "metas with a reference": (of(b"", b"<meta name=&#111;g:a>"), "utf-8"),
    "metas of a namespace": (of(b"", b"<meta name=og:a>"), "utf-8"),
    "long meta, spaces": (of(b"<meta", b" ", b'property="og:title" content="T">'), "utf-8"),
    "long image": (of(b'<img src="data:image/png;base64,', b"A", b'">' + META), "utf-8"),
    "long tag's name": (of(b"<a", b"a"), "utf-8"),
    "attributes of a special tag": (of(b"<script", b" b", b">"), "utf-8"),
    "diverging <": (of(META + b"<svg>", b"<"), "utf-8"),
    "control characters": (of(META, b"\x01"), "utf-8"),
    "misplaced in a table": (of(b"<table>", b"<p>"), "utf-8"),
}


def holds(page: bytes, charset: str | None) -> list[tuple[str, float]]:
    """The calls that read a page, and the ms of each, in their order."""
    reader = PageReader(charset=charset)
    found = []

    def timed(call: Callable[..., object], *arguments: bytes) -> None:
        start = time.thread_time()
        call(*arguments)
        found.append((call.__name__, (time.thread_time() - start) * 1e3))

    def steps(call: Callable[..., object], *arguments: bytes) -> None:
        timed(call, *arguments)
        while reader.is_behind:
            timed(reader.feed)

    for at in range(0, len(page), PIECE):
        steps(reader.feed, page[at : at + PIECE])
    steps(reader.end)
    timed(reader.close)
    return found


def longest_call_of_c(page: str) -> float:
    """The ms of the longest call of C code while html5lib reads a page."""
    longest, started = 0.0, 0.0

    def note(_: Any, event: str, __: Any) -> None:
        nonlocal longest, started
        if event in ("c_return", "c_exception"):
            longest = max(longest, time.thread_time() - started)
        started = time.thread_time()  # C code that calls Python is interrupted there

    sys.setprofile(note)
    read_with_html5lib(page)
    sys.setprofile(None)
    return longest * 1e3


def main() -> int:
    """Prints the longest holds of each page; returns the number of pages above the bar."""
    print(f"ms at most; bar: {BAR:g}".ljust(32) + "".join(f"{column:>9}" for column in (*COLUMNS, "html5lib")))
    above = 0
    for name, (page, charset) in PAGES.items():
        turns = [holds(page, charset) for _ in range(TURNS)]
        calls = [(same[0][0], min(ms for _, ms in same)) for same in zip(*turns, strict=True)]
        longest = [max((ms for call, ms in calls if call == column), default=0.0) for column in COLUMNS]
        longest.append(longest_call_of_c(page.decode("latin-1")))
        above += max(longest) > BAR
        print(f"{name:32}" + "".join(f"{ms:9.2f}" for ms in longest) + " <" * (max(longest) > BAR), flush=True)
    return above


if __name__ == "__main__":
    sys.exit(main())
