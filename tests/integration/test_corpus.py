"""Real pages, whole, from a real server through the real service: each has to say what html5lib says."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import client, corpus, running


class CorpusPages(running.Pages):
    """Serves the corpus."""

    folder = corpus.FOLDER


@pytest.fixture(scope="module")
def origin() -> Iterator[running.Origin]:
    """The corpus' web server."""
    with running.origin(CorpusPages) as origin:
        yield origin


@corpus.required
def test_every_page_says_what_it_says(service: running.Service, origin: running.Origin) -> None:
    pages = corpus.pages()
    assert len(pages) == 579

    def differs(page: corpus.Page) -> bool:
        answer = client.scrap(service.url, f"{origin.url}/{page.number:04}.html")
        properties = answer.json.get("properties", [])
        return answer.status != 200 or [pair for pair in properties if pair[0].startswith("og:")] != page.expected

    with ThreadPoolExecutor(4) as clients:
        wrong = [page.number for page, wrong in zip(pages, clients.map(differs, pages), strict=True) if wrong]
    assert wrong == []
