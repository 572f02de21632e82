"""Dates of HTTP, wherever the service runs."""

import time
from collections.abc import Iterator

import pytest

from scrap import http_date


@pytest.fixture(params=["UTC", "Asia/Seoul"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    "text", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_the_three_formats_are_of_the_same_time(text: str) -> None:
    assert http_date.parse(text) == 784_111_777


@pytest.mark.parametrize("text", ["", "0", "-1", "soon", "Thu, 01 Jan 9999999 00:00:00 GMT"])
def test_what_is_no_date(text: str) -> None:
    assert http_date.parse(text) is None
