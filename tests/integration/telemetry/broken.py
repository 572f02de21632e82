"""`scrap serve` with a bug in it: it fails on pages at /broken, in words that give the target away.

python -m tests.integration.telemetry.broken serve
"""

from typing import Any

from scrap import cli, opengraph

WORDS = "no {url}, no {end!r}, no ann:pw@example.org"  # not near their use: source lines are sent
_open_graph = opengraph.open_graph


def open_graph(document: opengraph.Document, url: str) -> dict[str, Any]:
    """Fails as no known error does.

    Raises:
        RuntimeError: the page is at /broken.
    """
    _, is_broken, end = url.partition("/broken")
    if is_broken:
        raise RuntimeError(WORDS.format(url=url, end=end))
    return _open_graph(document, url)


if __name__ == "__main__":
    opengraph.open_graph = open_graph
    cli.main()
