"""A real service, a real origin and a real Redis for many tests, and a page that a test changes."""

import shutil
from collections.abc import Iterator

import pytest

from tests import running
from tests.integration.cache.redis_server import RedisServer
from tests.integration.counted_page import CountedPage


@pytest.fixture(scope="session")
def service() -> Iterator[running.Service]:
    """A running service that may fetch from loopback."""
    with running.service() as service:
        yield service


@pytest.fixture(scope="session")
def origin() -> Iterator[running.Origin]:
    """A running origin with our own pages."""
    with running.origin() as origin:
        yield origin


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis server."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")  # .ci/run installs it, and fails where anything is skipped
    shared = RedisServer(tmp_path_factory.mktemp("shared"))
    shared.start()
    yield shared
    shared.kill()


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[tuple[CountedPage, str]]:
    """The page, and its URL; a parameter is its host, where it must not be every other origin's."""
    state = CountedPage()
    state.open.set()

    class CountedPageHandler(running.Answer):
        def do_GET(self) -> None:
            state.visits += 1
            state.visited.release()
            assert state.open.wait(20)
            body = f'<meta property="og:title" content="{state.title}">'.encode()
            self.answer(state.status, body, {"Content-Type": "text/html", **state.headers})

    with running.origin(CountedPageHandler, getattr(request, "param", "127.0.0.1")) as origin:
        yield state, f"{origin.url}/page"
