"""Real pages, whole, from a real server through the real service: each has to say what html5lib says."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import client, running

CORPUS = Path(__file__).parent.parent.parent.parent / "shared" / "corpus"


class CorpusPages(running.Pages):
    """Serves the corpus."""

    folder = CORPUS / "pages"


@pytest.fixture(scope="module")
def corpus() -> Iterator[running.Origin]:
    """The corpus' web server."""
    with running.origin(CorpusPages) as origin:
        yield origin


@pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the corpus of 579 real pages (../shared/corpus) is not on this machine"
)
def test_every_page_says_what_it_says(service: running.Service, corpus: running.Origin) -> None:
    expected = [json.loads(line) for line in (CORPUS / "expected.jsonl").read_text().splitlines()]
    assert len(expected) == 579

    def differs(page: dict[str, object]) -> bool:
        answer = client.scrap(service.url, f"{corpus.url}/{page['n']:04}.html")
        properties = answer.json.get("properties", [])
        return answer.status != 200 or [pair for pair in properties if pair[0].startswith("og:")] != page["pairs"]

    with ThreadPoolExecutor(4) as callers:
        wrong = [page["n"] for page, wrong in zip(expected, callers.map(differs, expected), strict=True) if wrong]
    assert wrong == []
