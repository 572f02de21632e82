"""Inputs that browsers read, over a real socket against the real `scrap serve`: tests/pages/browsers has their bytes.

`response.http` is sent for the first request, `then.http` for each that meets the condition in about.json.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import client, running
from tests.hostile.answers import says
from tests.hostile.origin import Answer, HostileOrigin, Request, serving

INPUTS = running.PAGES / "browsers"
PORT = b":9381/"  # stands for the origin's own in a response


@dataclass(frozen=True)
class BrowserInput:
    """One line of about.json.

    Attributes:
        what: it is.
        ask: the path that the client asks for; by default the input's name.
        then: which requests get `then.http`: those whose path is this one, or whose header field has this text.
        stays: the connection stays open after the response.
    """

    what: str
    ask: str = ""
    then: dict[str, str] = field(default_factory=dict)
    stays: bool = False

    def goes_on(self, request: Request) -> bool:
        """Whether `then.http` is sent."""
        return any(
            request.path == text if name == "path" else text in (request.header(name) or "")
            for name, text in self.then.items()
        )


ABOUT = {name: BrowserInput(**about) for name, about in json.loads((INPUTS / "about.json").read_text()).items()}


def answer(about: BrowserInput, folder: Path, origins: list[HostileOrigin]) -> Answer:
    """Sends an input's bytes."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        sent = (folder / ("then.http" if about.goes_on(request) else "response.http")).read_bytes()
        await says(sent.replace(PORT, b":%d/" % origins[0].port), stays=about.stays)(request, writer)

    return answer


@pytest.fixture(scope="module")
def service() -> Iterator[running.Service]:
    """A service whose deadline a test can wait for."""
    with running.service({"SCRAP_DEADLINE": "2"}) as service:
        yield service


def test_each_input_is_described() -> None:
    assert sorted(ABOUT) == sorted(path.name for path in INPUTS.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", ABOUT)
async def test_is_read_as_browsers_read_it(name: str, service: running.Service) -> None:
    about, origins = ABOUT[name], list[HostileOrigin]()
    async with serving(answer(about, INPUTS / name, origins)) as origin:
        origins.append(origin)
        response = await asyncio.to_thread(client.scrap, service.url, origin.url(about.ask or f"/{name}"))
    got = {key: value for key, value in response.json.items() if key != "properties"}
    assert (response.status, got) == (200, json.loads((INPUTS / name / "expected.json").read_text()))
