"""How fast a page is read, and that its time grows as its length does: `python -m tests.benchmarks.bench_parser`.

Ratios within one run count; the absolute times are this machine's. Exits with 1 where a bar is not met.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial

import orjson
from selectolax.lexbor import LexborHTMLParser

from scrap.opengraph import Document, PageReader, open_graph, read_with_html5lib
from scrap.opengraph.document import properties
from tests import corpus
from tests.reference import finished

ROUNDS = 15
TURNS = 8
SLOW_ROUNDS = 3  # html5lib takes its time
TIMES_HTML5LIB = 40
TIMES_LEXBOR = 2
GROWTH = 1.5
# ns a byte: below, page faults and caches decide, and growth says nothing. What costs less counts as this much.
FLOOR = 5.0
KIB = 1024


def fast_path(page: bytes) -> Document | None:
    """Bytes to metas, by the fast path."""
    reader = PageReader()
    reader.feed(page)
    return finished(reader).document


def lexbor(page: bytes) -> list[tuple[str, str | None]]:
    """The same of lexbor's tree: the metas, their attributes, the tokens that count."""
    metas: list[tuple[str, str | None]] = []
    for meta in LexborHTMLParser(page).css("meta"):
        attributes = meta.attributes
        for key in (attributes.get("property"), attributes.get("name")):
            if key and ":" in key and (names := properties(key)):
                metas += [(name, attributes.get("content")) for name in names]
                break
    return metas


def html5lib(page: bytes) -> Document:
    """The same of html5lib's tree."""
    return read_with_html5lib(page.decode("utf-8", "replace"))


def response(page: bytes) -> bytes:
    """Bytes to the response: the metas, what they mean, and that as JSON."""
    document = fast_path(page)
    return orjson.dumps(open_graph(document, "https://example.com/a/").fields if document else {})


def seconds(work: Callable[[], object]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def over(one: Callable[[bytes], object], pages: list[bytes]) -> None:
    """Has one of them read all pages."""
    for page in pages:
        one(page)


def speed(title: str, pages: list[bytes]) -> dict[str, float]:
    """Prints and returns the microseconds that each takes a page: the median of rounds that take turns."""
    contestants = {fast_path: ROUNDS, response: ROUNDS, lexbor: ROUNDS, html5lib: SLOW_ROUNDS}
    taken: dict[str, list[float]] = {one.__name__: [] for one in contestants}
    for turn in range(ROUNDS):
        for one, rounds in contestants.items():
            if turn < rounds:
                taken[one.__name__].append(seconds(partial(over, one, pages)) / len(pages) * 1e6)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    print(f"\n{title}: {len(pages)}, {statistics.mean(map(len, pages)) / KIB:.1f} KiB each")
    print(f"{'':10}{'µs a page':>12}{'spread':>16}{'times fast path':>16}")
    for name, times in taken.items():
        spread = f"{min(times):.0f}-{max(times):.0f}"
        print(f"{name:10}{medians[name]:12.1f}{spread:>16}{medians[name] / medians['fast_path']:16.2f}")
    return medians


META = b'<meta property="og:title" content="T">'
FAMILIES: dict[str, tuple[bytes, bytes]] = {
    "text": (b"", b"lorem ipsum "),
    "high bytes": (b"", b"\xff\xc3"),
    "NUL": (b"<!-- ", b"\0"),
    "<": (b"", b"<"),
    "<a": (b"", b"<a"),
    "</": (b"", b"</"),
    "<!": (b"", b"<!"),
    "tags": (b"", b"<p class=x>y</p>"),
    "metas": (b"", META),
    "irrelevant metas": (b"", b'<meta name="viewport" content="x">'),
    "quote unclosed": (b'<a title="', b"x"),
    "quotes unclosed": (b"", b"<a title='<"),
    "attributes without end": (b"<a ", b"b='c' "),
    "bare attributes without end": (b"<meta ", b"b "),
    "equals signs": (b"<a ", b"="),
    "spaces in a tag": (b"<a b", b" "),
    "spaces between attributes": (b"<a ", b"b      "),
    "script without end": (b"<script ", b"a=b "),
    "comment without end": (b"<!-- ", b"-"),
    "comments": (b"", b"<!---->"),
    "comments in comments": (b"", b"<!--"),
    "script escapes": (b"<script>", b"<!--<script>"),
    "script escapes and ends": (b"<script>", b"<!--<script></script>-->"),
    "ends that are none": (b"<script>", b"</scrip"),
    "title ends that are none": (b"<title>", b"</titl"),
    "short scripts": (b"", b"<script>x</script>"),
    "scripts that are not short": (b"", b"<script>" + b"x" * 301 + b"</script>"),
    "titles without end": (b"", b"<title>"),
    "diverging metas": (b"<svg>", b"<meta "),
    "diverging quotes": (b"<svg>", b"<meta x='"),
    "diverging complete metas": (b"<svg>", b"<meta x=y>"),
    "text behind the head": (b"</head>", b"lorem ipsum "),
    "tags behind the head": (b"</head>", b"<p class=x>y</p>"),
    "< behind the head": (b"</head>", b"<"),
    "names behind the head": (b"</head>", b"<metadata "),
    "irrelevant metas behind the head": (b"</head>", b"<meta>"),
    "metas in a script behind the head": (b"</head><script>", META),
    "metas in values behind the head": (b"</head>", b"<a title='" + META + b"'>"),
    "metas that do not end behind the head": (b"</head>", b"<meta "),
    "frames behind the head": (b"</head>", b"<framese"),
    "references": (b'<meta property="og:title" content="', b"&amp"),
    "ampersands": (b'<meta property="og:title" content="', b"&"),
    "digits of a reference": (b'<meta property="og:title" content="&#', b"1"),
    "tokens": (b'<meta property="', b"og:x "),
    "prefixes": (b'<html prefix="', b"og: http://ogp.me/ns# "),
    "declarations": (b"", b"<html xmlns:og='http://ogp.me/ns#'>"),
}
ENDS = {"references": b'">', "ampersands": b'">', "digits of a reference": b'">', "tokens": b'">', "prefixes": b'">'}


def pages_of(family: str, sizes: Iterable[int]) -> list[bytes]:
    """Pages of a family, of about these sizes."""
    beginning, unit = FAMILIES[family]
    return [beginning + unit * (size // len(unit)) + ENDS.get(family, b"") for size in sizes]


def in_pieces(page: bytes, size: int) -> None:
    """Reads a page as the network would bring it."""
    reader = PageReader()
    for at in range(0, len(page), size):
        reader.feed(page[at : at + size])
    finished(reader)


def growth(title: str, size_of_piece: int | None, sizes: list[int], families: Iterable[str]) -> float:
    """Prints the time per byte of each family while its pages double; returns the worst growth over all of them.

    A family's growth is the most by which the time per byte of any of its pages exceeds that of any shorter one; it is
    judged with the floor, and printed without it as well.
    """
    head = "".join(f"{size // KIB:>7} K" for size in sizes)
    print(f"\n{title}, ns a byte\n{'':30}{head}{'growth':>9}{f'above {FLOOR:g}':>9}")
    worst = 0.0
    for family in families:
        pages = pages_of(family, sizes)
        costs = [float("inf")] * len(pages)
        for _ in range(TURNS):  # in turns, and the least counts: a busy machine only adds
            for number, page in enumerate(pages):
                cost = seconds(partial(in_pieces, page, size_of_piece or len(page))) / len(page) * 1e9
                costs[number] = min(costs[number], cost)
        grown = growth_of([max(cost, FLOOR) for cost in costs])
        worst = max(worst, grown)
        row = "".join(f"{cost:9.2f}" for cost in costs)
        print(f"{family:30}{row}{growth_of(costs):8.2f}x{grown:8.2f}x", flush=True)
    return worst


def growth_of(costs: list[float]) -> float:
    """The most by which a cost exceeds one before it."""
    return max(later / earlier for at, earlier in enumerate(costs) for later in costs[at:])


def main() -> int:
    """Runs all; returns the number of bars that were not met."""
    met = []
    if corpus.AVAILABLE:
        pages = corpus.benchmark_pages()
        heads = speed("heads of real pages", [page.head for page in pages])
        speed("real pages, whole", [page.body for page in pages[::6]])
        met += [
            heads["html5lib"] >= TIMES_HTML5LIB * heads["fast_path"],
            heads["fast_path"] <= TIMES_LEXBOR * heads["lexbor"],
        ]
    else:
        print("left out: the speed on real pages, for ../shared/corpus is not here")
    doubling = [2**power * KIB for power in range(7, 13)]
    met.append(growth("whole pages", None, doubling, FAMILIES) <= GROWTH)
    met.append(growth("pages in pieces of 1,460 bytes", 1460, doubling, FAMILIES) <= GROWTH)
    few = [2**power * KIB for power in range(5, 9)]
    met.append(growth("pages byte by byte", 1, few, ["text", "quote unclosed", "script escapes", "metas"]) <= GROWTH)
    print(f"\n{sum(met)} of {len(met)} bars met")
    return len(met) - sum(met)


if __name__ == "__main__":
    sys.exit(main())
