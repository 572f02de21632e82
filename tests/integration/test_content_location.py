"""Content-Location: where a page was found, after its redirects; with each response that has its preview."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest

from tests import client, running
from tests.integration.cache.redis_server import RedisServer
from tests.integration.test_replicas import until_up
from tests.waiting import eventually

CARD = b'<meta property="og:title" content="A card">'


class MovedHandler(running.Answer):
    """`/moved?…` redirects to what is in its query; `/refresh` leads to `/card` by a refresh; `/empty` has nothing."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        html = {"Content-Type": "text/html"}
        match path:
            case "/moved":
                self.answer(HTTPStatus.FOUND, b"", {"Location": query})
            case "/refresh":
                self.answer(200, b'<meta http-equiv="refresh" content="0; url=/card">', html)
            case "/gone":
                self.answer(404, b"", {})
            case "/empty":
                self.answer(200, b"<title>nothing</title>", html)
            case _:
                self.answer(200, CARD, html)


@pytest.fixture(scope="module")
def moved() -> Iterator[str]:
    """An origin that redirects."""
    with running.origin(MovedHandler) as origin:
        yield origin.url


@pytest.mark.parametrize(
    ("path", "final"),
    [
        ("/card", "/card"),
        ("/./card#part", "/card"),
        ("/moved?/card?a=1%26b", "/card?a=1%26b"),
        ("/moved?/moved?/card%23part", "/card%23part"),
        ("/moved?/ä b", "/%C3%A4%20b"),
        ("/refresh", "/card"),
        ("/moved?/empty", "/empty"),
    ],
)
def test_it_is_the_final_url(service: running.Service, moved: str, path: str, final: str) -> None:
    made = client.scrap(service.url, moved + path)
    again = client.scrap(service.url, moved + path)
    head = client.scrap(service.url, moved + path, method="HEAD")
    same = client.scrap(service.url, moved + path, headers={"If-None-Match": made.headers["ETag"]})
    assert [response.status for response in (made, again, head, same)] == [200, 200, 200, 304]
    for response in (made, again, head, same):
        assert response.headers.get_all("Content-Location") == [moved + final]


def test_a_problem_has_none(service: running.Service, moved: str) -> None:
    for path in ("/gone", "/moved?/gone"):
        response = client.scrap(service.url, moved + path)
        assert (response.status, response.headers["Content-Location"]) == (502, None)


def test_a_url_that_is_longer_than_clients_may_ask_for_is_left_out(service: running.Service, moved: str) -> None:
    longest = "/" + "a" * (2048 - len(moved) - 1)
    assert client.scrap(service.url, f"{moved}{longest}").headers["Content-Location"] == moved + longest
    response = client.scrap(service.url, f"{moved}/card?{'%C3%A4' * 100}")
    assert response.headers["Content-Location"].endswith("%C3%A4" * 100)
    with running.origin(LongHandler) as origin:
        response = client.scrap(service.url, f"{origin.url}/moved")
    assert (response.status, response.headers["Content-Location"]) == (200, None)


class LongHandler(running.Answer):
    """Redirects to a URL of 3,000 characters."""

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.answer(HTTPStatus.FOUND, b"", {"Location": "/" + "a" * 3000})
        else:
            self.answer(200, CARD, {"Content-Type": "text/html"})


def test_another_replica_sends_the_same(shared: RedisServer, moved: str) -> None:
    settings = {"SCRAP_CACHE_URL": shared.url}
    with running.service(settings) as first, running.service(settings) as second:
        for service in (first, second):
            until_up(service)
        url = f"{moved}/moved?/card?shared"
        made = client.scrap(first.url, url)
        eventually(lambda: shared.admin.dbsize() > 0)
        found = client.scrap(second.url, url)
    assert found.headers["Server-Timing"].startswith("dns;dur=0.0, connect;dur=0.0")  # it was not fetched again
    assert found.headers["Content-Location"] == made.headers["Content-Location"] == f"{moved}/card?shared"
