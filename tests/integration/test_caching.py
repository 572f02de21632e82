"""Cached responses: what a client sees of them, and which requests the origin does not receive."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import client, running
from tests.integration.counted_page import CountedPage
from tests.waiting import eventually


@pytest.fixture(scope="module")
def forgetful() -> Iterator[running.Service]:
    """A service that takes every page at its word."""
    with running.service({"SCRAP_CACHE_MIN": "0", "SCRAP_CACHE_FAILURES": "0"}) as service:
        yield service


def test_a_page_is_fetched_once_while_it_is_fresh(service: running.Service, site: tuple[CountedPage, str]) -> None:
    state, url = site
    state.headers["Cache-Control"] = "max-age=300"
    first, again = client.scrap(service.url, url), client.scrap(service.url, url)
    assert (first.body, first.headers["ETag"]) == (again.body, again.headers["ETag"])
    assert state.visits == 1
    assert re.match(r"public, max-age=(29\d|300),", again.headers["Cache-Control"])  # less the time it took to come
    assert int(again.headers["Age"]) < 300


def test_one_page_has_one_key_however_it_is_written(service: running.Service, site: tuple[CountedPage, str]) -> None:
    state, url = site
    client.scrap(service.url, url)
    client.scrap(service.url, url.replace("http://", "HTTP://").replace("/page", "/./page#part"))
    assert state.visits == 1


def test_a_root_dot_makes_no_other_key() -> None:
    """Over the system's resolver: `localhost`, which the hosts file or the resolver itself knows."""
    visits = 0

    class CountingHandler(running.Answer):
        def do_GET(self) -> None:
            nonlocal visits
            visits += 1
            self.answer(200, b'<meta property="og:title" content="One">', {"Content-Type": "text/html"})

    with running.service({"SCRAP_ALLOWED_HOSTS": "localhost"}) as service, running.origin(CountingHandler) as origin:
        for host in ("localhost", "localhost."):
            answer = client.scrap(service.url, f"http://{host}:{origin.server_port}/page")
            assert (answer.status, answer.json["title"]) == (200, "One")
    assert visits == 1


def test_a_client_that_has_the_response_gets_a_304(service: running.Service, site: tuple[CountedPage, str]) -> None:
    tag = client.scrap(service.url, site[1]).headers["ETag"]
    same = client.scrap(service.url, site[1], headers={"If-None-Match": f'"other", W/{tag}'})
    assert (same.status, same.body, same.headers["ETag"]) == (304, b"", tag)
    assert client.scrap(service.url, site[1], headers={"If-None-Match": '"other"'}).status == 200


def test_a_stampede_is_one_fetch(service: running.Service, site: tuple[CountedPage, str]) -> None:
    state, url = site
    state.open.clear()
    with ThreadPoolExecutor(20) as clients:
        answers = [clients.submit(client.scrap, service.url, url) for _ in range(20)]
        assert state.visited.acquire(timeout=10)
        eventually(lambda: figure(service, "scrap_flights_joined_total") >= 19)
        state.open.set()
        assert {answer.result().json["title"] for answer in answers} == {"First"}
    assert state.visits == 1


def test_a_stale_answer_is_given_while_it_is_fetched_again(
    forgetful: running.Service, site: tuple[CountedPage, str]
) -> None:
    state, url = site
    state.headers["Cache-Control"] = "max-age=0, stale-while-revalidate=60"
    client.scrap(forgetful.url, url)
    state.title = "Second"
    assert client.scrap(forgetful.url, url).json["title"] == "First"
    # The refresh behind the answer's back arrives.
    eventually(lambda: client.scrap(forgetful.url, url).json["title"] == "Second")


def test_a_stale_answer_stands_in_for_a_page_that_is_broken(
    forgetful: running.Service, site: tuple[CountedPage, str]
) -> None:
    state, url = site
    state.headers["Cache-Control"] = "max-age=0, stale-while-revalidate=0, stale-if-error=60"
    client.scrap(forgetful.url, url)
    state.status = 500
    answer = client.scrap(forgetful.url, url)
    assert (answer.status, answer.json["title"], state.visits) == (200, "First", 2)


def test_a_page_that_is_gone_is_gone(forgetful: running.Service, site: tuple[CountedPage, str]) -> None:
    state, url = site
    state.headers["Cache-Control"] = "max-age=0, stale-while-revalidate=0, stale-if-error=60"
    client.scrap(forgetful.url, url)
    state.status = 404
    assert client.scrap(forgetful.url, url).json["upstream_status"] == 404


def test_a_failure_is_remembered_for_a_while(service: running.Service, site: tuple[CountedPage, str]) -> None:
    state, url = site
    state.status = 500
    assert [client.scrap(service.url, url).status for _ in range(3)] == [502, 502, 502]
    assert state.visits == 1


@pytest.mark.parametrize("site", ["127.0.0.2"], indirect=True)
def test_a_host_that_asks_for_patience_gets_it(service: running.Service, site: tuple[CountedPage, str]) -> None:
    state, url = site
    state.status, state.headers = 429, {"Retry-After": "30"}
    client.scrap(service.url, url)
    other = client.scrap(service.url, url + "/other")
    assert (other.status, other.json["upstream_status"]) == (502, 429)
    assert 0 < int(other.headers["Retry-After"]) <= 30
    assert state.visits == 1


def test_no_cache_has_a_page_fetched_anew(forgetful: running.Service, site: tuple[CountedPage, str]) -> None:
    state, url = site
    state.headers["Cache-Control"] = "max-age=300"
    client.scrap(forgetful.url, url)
    state.title = "Second"
    assert client.scrap(forgetful.url, url).json["title"] == "First"
    for value in ("no-cached", "max-age=0", 'x="no-cache"', "only-if-cached, min-fresh=3"):
        assert client.scrap(forgetful.url, url, headers={"Cache-Control": value}).json["title"] == "First"
    assert client.scrap(forgetful.url, url, headers={"Pragma": "no-cache"}).json["title"] == "First"
    assert client.scrap(forgetful.url, url, headers={"Cache-Control": "max-age=0, No-Cache"}).json["title"] == "Second"
    assert client.scrap(forgetful.url, url).json["title"] == "Second"
    assert state.visits == 2


def test_no_cache_soon_after_a_fetch_has_no_effect(service: running.Service, site: tuple[CountedPage, str]) -> None:
    state, url = site
    client.scrap(service.url, url)
    answer = client.scrap(service.url, url, headers={"Cache-Control": "no-cache"})
    assert (answer.status, answer.json["title"], state.visits) == (200, "First", 1)


def figure(service: running.Service, name: str) -> float:
    """A figure without labels from /metrics."""
    text = client.request(service.management, "/metrics").body.decode()
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))
