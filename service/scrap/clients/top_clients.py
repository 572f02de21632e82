"""The clients with the most requests of the last five minutes. An address is never a label value."""

import time
from collections.abc import Callable
from heapq import nlargest
from operator import itemgetter
from typing import Any, Final

import orjson

from scrap.clients.space_saving import SpaceSaving
from scrap.errors import Outcome
from scrap.events import Handlers, RequestEnded

_MINUTE: Final = 60.0
_MINUTES: Final = 5  # before the current one
_K: Final = 128  # a client with a 128th of a minute's requests is in its counters
_TOP: Final = 20
_USER_AGENT_BYTES: Final = 200
_ZEROS: Final = dict.fromkeys(("requests", "failures", "rejections", "blocked"), 0)


class TopClients:
    """Counts requests by client, in at most 1 MiB; `log` is the setting: with "off", none. A sink of events."""

    def __init__(self, log: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock, self._began = log, clock, clock()
        self._minutes: dict[float, SpaceSaving] = {}
        self.handlers: Handlers = {} if log == "off" else {RequestEnded: self._request_ended}

    def _request_ended(self, event: RequestEnded) -> None:
        minute = self._clock() // _MINUTE
        if minute not in self._minutes:
            self._minutes = {**self._recent(minute), minute: SpaceSaving(_K)}
        counter = self._minutes[minute].count(event.client_address)
        counter.user_agent = event.user_agent.encode()[:_USER_AGENT_BYTES]
        if event.reason:
            counter.failures += 1
            counter.rejections += event.outcome is Outcome.SHED
            counter.blocked += event.outcome is Outcome.BLOCKED

    def _recent(self, minute: float) -> dict[float, SpaceSaving]:
        return {old: counts for old, counts in self._minutes.items() if old >= minute - _MINUTES}

    def render(self) -> bytes:
        """Renders the list as JSON, a client a line; in about a millisecond."""
        now = self._clock()
        recent = self._recent(now // _MINUTE).values()
        rows: dict[str, dict[str, Any]] = {}
        for counts in recent:
            for address, counter in counts.counters.items():
                row = rows.setdefault(address, {"client_address": address, **_ZEROS})
                for name in _ZEROS:
                    row[name] += getattr(counter, name)
                row["user_agent"] = counter.user_agent.decode(errors="ignore")
        head = {
            "log_clients": self._log,
            "seconds": round(min(now - self._began, now % _MINUTE + _MINUTES * _MINUTE)),
            "requests": sum(counts.total for counts in recent),
            "missed": sum(counts.missed for counts in recent),
        }
        lines = [b"\n" + orjson.dumps(row) for row in nlargest(_TOP, rows.values(), key=itemgetter("requests"))]
        return orjson.dumps(head)[:-1] + b',"clients":[' + b",".join(lines) + b"]}\n"
