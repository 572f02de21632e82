"""Hosts that sent a Retry-After."""

import pytest

from scrap.errors import UpstreamError
from scrap.fetch import FetchLimits
from scrap.fetch.host_retry_after import HostRetryAfter
from tests.clock import Clock


def remembering(**changes: int) -> tuple[HostRetryAfter, Clock]:
    clock = Clock()
    return HostRetryAfter(FetchLimits(**changes), clock=clock, wall=clock), clock


@pytest.mark.parametrize("status", [429, 503])
def test_host_is_left_alone_for_as_long_as_it_asked(status: int) -> None:
    asked, clock = remembering()
    assert asked.note("host", status, "10") == 10
    clock.now += 4
    asked.check("another host")
    with pytest.raises(UpstreamError) as caught:
        asked.check("host")
    assert (caught.value.status, caught.value.retry_after) == (status, 6)
    clock.now += 6
    asked.check("host")
    asked.check("host")


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("5", 5),
        (" 5 ", 5),
        ("0000000000000030", 30),
        ("0000000000000000", None),
        ("99999999999999999999", 60),
        ("Thu, 01 Jan 1970 00:16:45 GMT", 5),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("0", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("\N{ARABIC-INDIC DIGIT ONE}", None),
        ("Thu, 01 Jan 9999999 00:00:00 GMT", None),
        ("", None),
    ],
)
def test_retry_after_is_read(retry_after: str, seconds: float | None) -> None:
    asked, _ = remembering()
    assert asked.note("host", 503, retry_after) == seconds


def test_other_statuses_ask_for_nothing() -> None:
    asked, _ = remembering()
    assert asked.note("host", 500, "10") is None
    asked.check("host")


def test_memory_of_hosts_is_bounded() -> None:
    asked, _ = remembering(retry_after_hosts=2)
    asked.note("long", 429, "30")
    asked.note("short", 429, "10")
    asked.note("new", 429, "20")
    asked.check("short")
    for host in ("long", "new"):
        with pytest.raises(UpstreamError):
            asked.check(host)
