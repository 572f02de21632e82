"""Which requests the load shedder rejects, and what the response says."""

import time
from typing import Any, cast

import orjson
import pytest

from scrap.admission import Admission
from scrap.cache.entry import failure
from scrap.cache.freshness import FreshnessPolicy
from scrap.errors import Outcome, Overloaded, Reason
from scrap.events import Event, RequestEnded
from scrap.preview import Preview, Previewer
from scrap.urls import Target
from tests.unit.api.asgi import QUERY, call, public_app

PATH = "/api/v1/scrap"


class FakePreviewer:
    """As much of a Previewer and of an Admission as the load shedder asks; what is admitted finds a bug."""

    def __init__(self, known: str = "", *, slots: int = 0, overloaded: bool = True) -> None:
        self.is_overloaded = overloaded
        self.rejected = 0
        self.events: list[Event] = []
        previewer, admission = cast("Previewer", self), cast("Admission", self)
        self.app = public_app(previewer, admission, self.events.append)
        self._known = known
        self._slots = slots

    def knows(self, target: Target) -> bool:
        return target.key == self._known

    def admit(self) -> bool:
        self._slots -= 1
        return self._slots >= 0

    def reject(self) -> Overloaded:
        self.rejected += 1
        return Overloaded(Reason.FULL)

    def peek(self, target: Target, *, no_cache: bool) -> Preview | None:
        raise RuntimeError("admitted")


class FullPreviewer(FakePreviewer):
    """Finds no slot for a request that was admitted."""

    def peek(self, target: Target, *, no_cache: bool) -> Preview | None:
        now = time.time()
        return Preview(failure(self.reject(), policy=FreshnessPolicy(), now=now), "miss")


async def respond(
    previewer: FakePreviewer, *headers: tuple[bytes, bytes], **request: Any
) -> tuple[int, dict[bytes, bytes], Any, RequestEnded]:
    """Makes one request; gives status, headers, problem and summary."""
    status, sent, body = await call(previewer.app, *headers, **request)
    summary = previewer.events[-1]
    assert isinstance(summary, RequestEnded)
    return status, sent, orjson.loads(body), summary


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_request_is_rejected_while_the_service_is_overloaded(method: str) -> None:
    previewer = FakePreviewer()
    status, headers, problem, summary = await respond(previewer, method=method)
    assert (status, problem["reason"]) == (503, "full")
    assert headers[b"retry-after"] == b"1"
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"x-request-id"].decode() == problem["instance"] == summary.request_id
    assert previewer.rejected == 1
    assert (summary.route, summary.status, summary.outcome, summary.reason) == (PATH, 503, Outcome.SHED, Reason.FULL)


async def test_a_rejection_says_when_to_come_back_wherever_it_is_decided() -> None:
    for previewer in (FakePreviewer(), FullPreviewer(overloaded=False)):
        status, headers, problem, _ = await respond(previewer)
        assert (status, problem["reason"], headers[b"retry-after"]) == (503, "full", b"1")


async def test_each_rejection_has_an_id_of_its_own() -> None:
    ids = {(await respond(FakePreviewer()))[3].request_id for _ in range(10)}
    assert len(ids) == 10


async def test_nothing_is_rejected_without_an_overload() -> None:
    previewer = FakePreviewer(overloaded=False)
    assert (await respond(previewer))[0] == 500
    assert previewer.rejected == 0


async def test_as_many_as_may_are_admitted() -> None:
    previewer = FakePreviewer(slots=2)
    assert [(await respond(previewer))[0] for _ in range(3)] == [500, 500, 503]
    assert previewer.rejected == 1


async def test_what_is_known_needs_no_admission_once_it_was_asked_for() -> None:
    previewer = FakePreviewer(known="https://example.org/ de")
    german, french = (b"accept-language", b"de"), (b"accept-language", b"fr")
    assert (await respond(previewer, german))[0] == 503
    previewer.is_overloaded = False
    assert [(await respond(previewer, *headers))[0] for headers in ([german], [french], [])] == [500, 500, 500]
    previewer.is_overloaded = True
    assert [(await respond(previewer, *headers))[0] for headers in ([german], [french], [])] == [500, 503, 503]


@pytest.mark.parametrize(
    ("method", "path", "query", "status"),
    [
        ("POST", PATH, QUERY, 405),
        ("GET", "/nowhere", QUERY, 404),
        ("GET", f"{PATH}/x", QUERY, 404),
    ],
)
async def test_what_needs_no_fetch_is_answered_as_ever(method: str, path: str, query: bytes, status: int) -> None:
    previewer = FakePreviewer()
    assert (await respond(previewer, method=method, path=path, query=query))[0] == status
    assert previewer.rejected == 0


async def test_a_url_that_cannot_be_read_is_rejected_like_any_other() -> None:
    previewer = FakePreviewer()
    assert (await respond(previewer, query=b"url=ftp%3A%2F%2Fexample.org%2F"))[0] == 503
    assert previewer.rejected == 1
