"""Languages over real sockets: what a page's host is asked for, and which clients share its response."""

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import orjson
import pytest

from tests import client, running
from tests.integration.cache.redis_server import RedisServer
from tests.integration.test_replicas import until_up
from tests.waiting import eventually

DEFAULT = "en-US,en;q=0.9"
Origin = tuple[running.Origin, list[str]]


@pytest.fixture
def polyglot() -> Iterator[Origin]:
    """A page whose title is the language that it was asked for, behind a redirect; and all that it was asked for."""
    asked: list[str] = []

    class PolyglotHandler(running.Answer):
        def do_GET(self) -> None:
            if self.path == "/from":
                self.answer(302, b"", {"Location": "/to"})
                return
            asked.append(", ".join(self.headers.get_all("Accept-Language", [])))
            title = f'<meta property="og:title" content="{asked[-1]}">'
            self.answer(200, title.encode(), {"Content-Type": "text/html", "Cache-Control": "max-age=300"})

    with running.origin(PolyglotHandler) as origin:
        yield origin, asked


def title(service: running.Service, origin: running.Origin, languages: str | None) -> str:
    given = {} if languages is None else {"Accept-Language": languages}
    answer = client.scrap(service.url, f"{origin.url}/from", headers=given)
    assert answer.headers["Vary"].lower() == "accept-language"
    return str(orjson.loads(answer.body)["title"])


def test_the_clients_languages_are_passed_on(service: running.Service, polyglot: Origin) -> None:
    origin, asked = polyglot
    assert title(service, origin, "DE-ch, de;q=0.9, *;q=0.5") == "de-CH,de;q=0.9"
    assert title(service, origin, "fr;q=0.2,it;q=0.4,es;q=0.3,pt;q=0.1") == "it,es;q=0.9,fr;q=0.8"
    assert len(asked) == 2


def test_equal_preferences_share_a_response(service: running.Service, polyglot: Origin) -> None:
    origin, asked = polyglot
    for languages in ("de,en;q=0.9", "DE, en;q=0.5", "en;q=0.5,de", "de, en, sv;q=0, *;q=0.1"):
        assert title(service, origin, languages) == "de,en;q=0.9"
    assert len(asked) == 1


def test_a_client_without_languages_gets_those_of_the_setting(service: running.Service, polyglot: Origin) -> None:
    origin, asked = polyglot
    for languages in (None, "", "*", "no language, 17", "de_DE;q=x", "d" * 3000, "en-us,en;q=0.8"):
        assert title(service, origin, languages) == DEFAULT
    assert asked == [DEFAULT]


def test_several_lines_are_one_list(service: running.Service, polyglot: Origin) -> None:
    origin, asked = polyglot
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=30)
    connection.putrequest("GET", f"/api/v1/scrap?url={origin.url}/to")
    for languages in ("sv;q=0.3", "da"):
        connection.putheader("Accept-Language", languages)
    connection.endheaders()
    assert orjson.loads(connection.getresponse().read())["title"] == asked[0] == "da,sv;q=0.9"
    connection.close()


def test_a_client_that_has_the_response_in_its_language_gets_a_304(service: running.Service, polyglot: Origin) -> None:
    origin, _ = polyglot
    url, german = f"{origin.url}/from", {"Accept-Language": "de"}
    tag = client.scrap(service.url, url, headers=german).headers["ETag"]
    same = client.scrap(service.url, url, headers={**german, "If-None-Match": tag})
    assert (same.status, same.headers["Vary"].lower()) == (304, "accept-language")
    assert client.scrap(service.url, url, headers={"If-None-Match": tag}).status == 200


def test_the_setting_counts(polyglot: Origin) -> None:
    origin, asked = polyglot
    with running.service({"SCRAP_ACCEPT_LANGUAGE": "ko"}) as service:
        assert [title(service, origin, languages) for languages in (None, "KO", "en")] == ["ko", "ko", "en"]
    assert asked == ["ko", "en"]


def test_replicas_share_the_response_of_a_language(shared: RedisServer, polyglot: Origin) -> None:
    origin, asked = polyglot
    settings = {"SCRAP_CACHE_URL": shared.url}
    with running.service(settings) as first, running.service(settings) as second:
        until_up(first)
        until_up(second)
        shared.admin.flushdb()  # ports come again
        assert title(first, origin, "de") == "de"
        eventually(lambda: shared.admin.dbsize() == 1)
        assert [title(second, origin, languages) for languages in ("de", "fr", None)] == ["de", "fr", DEFAULT]
    assert asked == ["de", "fr", DEFAULT]
