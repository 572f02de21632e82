"""What metrics read at a scrape, and the record of a request, for tests."""

import logging
from dataclasses import dataclass, field, replace
from typing import Any

from scrap.cache.memory import Memory
from scrap.errors import Reason
from scrap.events import FetchEnded, RequestEnded, Timings
from scrap.telemetry import Metrics, StateCollector
from scrap.telemetry.log_lines import RequestRecord
from tests.unit.telemetry.events import ENDED, FAILED, PARTLY_READ


@dataclass
class FakeAdmission:
    """Admission as a scrape sees it."""

    in_flight: int = 0
    waiting: int = 1
    capacity: int = 4
    rejected: int = 0
    saturation: float = 0.75


@dataclass
class FakeCPUUsage:
    """The CPU as a scrape sees it."""

    cores: float = 0.5


@dataclass
class FakeCache:
    """The cache as a scrape sees it; `shared_up` is None where there is no shared level."""

    shared_up: bool | None = True
    memory: Memory = field(default_factory=lambda: Memory(8192))
    lookups: dict[tuple[str, ...], int] = field(default_factory=lambda: {("memory", "fresh"): 0})
    shared_writes: dict[tuple[str, ...], int] = field(default_factory=lambda: {("stored",): 0})


def observed(metrics: Metrics, admission: FakeAdmission | None = None, cache: FakeCache | None = None) -> Metrics:
    """The same metrics; they read these owners from now on."""
    owners: Any = admission or FakeAdmission(), FakeCPUUsage(), cache or FakeCache()
    metrics.registry.register(StateCollector(*owners))
    return metrics


def record_of(event: RequestEnded, **more: Any) -> logging.LogRecord:
    """The record of a request's line."""
    record = RequestRecord(event)
    record.__dict__ |= more
    return record


# Lines that have every field there is, together.
LINES = (
    record_of(ENDED),
    record_of(replace(ENDED, fetch=PARTLY_READ)),
    record_of(
        replace(
            FAILED,
            reason=Reason.INTERNAL,
            error=RuntimeError(),
            upstream_status=200,
            fetch=FetchEnded(Timings(wait=1, dns=1, connect=1, first_byte=1, body=1, parse=1, shared_cache=1)),
        )
    ),
    logging.makeLogRecord({"exc_info": (RuntimeError, RuntimeError(), None)}),
)
