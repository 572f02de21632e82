"""The public application, called as a server calls it: what has no place in a test of the running service."""

import asyncio
import threading
from typing import Any, cast

import orjson
import pytest
from starlette.applications import Starlette
from starlette.types import Message

from scrap import api
from scrap.admission import Admission, AdmissionLimits
from scrap.api.request_context import Around
from scrap.errors import Outcome, Overloaded, Reason
from scrap.events import Emit, Event, RequestEnded, RequestStarted, ignore
from scrap.preview import Previewer
from tests.unit.api.asgi import call, public_app

IDLE = Admission(AdmissionLimits())


class Broken:
    """Stands in for a previewer that has a bug; a real one has none to offer."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def peek(self, target: object, *, no_cache: bool) -> None:
        raise self._error


def broken_app(error: BaseException | None = None, emit: Emit = ignore, around: Around = None) -> Starlette:
    previewer = cast("Previewer", Broken(error or RuntimeError("the secret is at 10.0.0.7")))
    return public_app(previewer, IDLE, emit, has_swagger_ui=True, around=around)


async def test_a_bug_is_answered_recorded_and_not_disclosed() -> None:
    events: list[Event] = []
    app = broken_app(emit=events.append)
    status, _, body = await call(app)
    problem = orjson.loads(body)
    assert (status, problem["reason"], problem["fault"]) == (500, "internal", "service")
    assert b"10.0.0.7" not in body
    started, ended = events
    assert isinstance(started, RequestStarted)
    assert isinstance(ended, RequestEnded)
    assert (ended.outcome, ended.reason, ended.status) == (Outcome.INTERNAL_ERROR, Reason.INTERNAL, 500)
    assert isinstance(ended.error, RuntimeError)
    assert "10.0.0.7" in ended.internal


async def test_the_clients_trace_is_handed_on() -> None:
    events: list[Event] = []
    app = broken_app(emit=events.append)
    await call(app, (b"traceparent", b"00-ab-cd-01"), (b"tracestate", b"a=1"), (b"tracestate", b"b=2"))
    assert events[0] == RequestStarted("00-ab-cd-01", "a=1, b=2")


async def test_an_unknown_path_is_one_route_to_all_who_count() -> None:
    events: list[Event] = []
    app = broken_app(emit=events.append)
    for path in ("/a", "/b/c", "/api/v1/scrap/", "/api/v1/scrap\n", "/openapi.json\n"):
        await call(app, path=path)
    assert {event.route for event in events if isinstance(event, RequestEnded)} == {"unmatched"}


async def test_a_call_that_the_server_gives_up_is_none_that_went_well() -> None:
    events: list[Event] = []
    app = broken_app(emit=events.append)
    sending = asyncio.Event()

    async def never_read(message: Message) -> None:
        sending.set()
        await asyncio.Event().wait()

    scope = {"type": "http", "method": "GET", "path": "/openapi.json", "root_path": "", "headers": []}
    answering = asyncio.create_task(app(scope, cast("Any", None), cast("Any", never_read)))
    await sending.wait()
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering
    ended = events[-1]
    assert isinstance(ended, RequestEnded)
    assert (ended.outcome, ended.reason, ended.status) == (Outcome.SHED, Reason.DRAINING, 503)


async def test_a_scrape_keeps_nobody_waiting() -> None:
    rendering, rendered = threading.Event(), threading.Event()

    def exposition(accept: str) -> tuple[bytes, str]:
        rendering.set()
        assert rendered.wait(30)
        return b"figures", "text/plain"

    management = api.management_app(stopping=asyncio.Event(), exposition=exposition, top_clients=bytes)
    public = broken_app()
    scrape = asyncio.create_task(call(management, path="/metrics"))
    assert await asyncio.to_thread(rendering.wait, 30)
    assert (await call(public, path="/openapi.json"))[0] == 200
    assert (await call(management, path="/readyz"))[0] == 200
    assert not scrape.done()
    rendered.set()
    assert (await scrape)[2] == b"figures"


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError(), 500), (asyncio.CancelledError(), 503), (Overloaded(Reason.FULL), 503)]
)
async def test_scripts_of_another_origin_may_read_every_failure(error: BaseException, status: int) -> None:
    app = broken_app(error, around=api.cors(api.CORSPolicy(("https://app.example",))))
    found, headers, _ = await call(app, (b"origin", b"https://app.example"))
    assert (found, headers[b"access-control-allow-origin"]) == (status, b"https://app.example")
    assert headers[b"x-request-id"]
