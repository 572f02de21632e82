"""What happened, second by second and event by event: what is asserted, printed, written down and drawn."""

import json
import math
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

EACH = 5  # seconds to a printed line


@dataclass(frozen=True)
class Tick:
    """A second of the load, and what was known in it.

    Attributes:
        at: when it began, in seconds since the epoch.
        rate: calls a second that were meant.
        ok: calls answered with a page's Open Graph.
        shed: calls rejected with 503 and Retry-After.
        web: calls answered that the page cannot be fetched.
        failed: all others, by what happened.
        ms: how long the answers took, in milliseconds.
        saturation: of the slots, how many were taken, from 0 to 1; None where nobody could say.
        desired: replicas that the Deployment asks for.
        ready: pods that serve.
        firing: the alerts that fire.
    """

    at: int
    rate: float
    ok: int
    shed: int
    web: int
    failed: dict[str, int]
    ms: list[int]
    saturation: float | None
    desired: int
    ready: int
    firing: list[str]


@dataclass(frozen=True)
class Event:
    """Something that happened at a moment.

    Attributes:
        at: when, in seconds since the epoch.
        kind: `chapter`, `breaks`, `fixed` or `skipped`, `alert`, `over` (of an alert), `desired`, `ready`, `slack`.
        name: of what: an alert, a channel, a number of replicas…
        text: the rest, for people.
    """

    at: float
    kind: str
    name: str
    text: str = ""


@dataclass
class Calls:
    """Some seconds' calls together.

    Attributes:
        ok, shed, web, failed: as in `Tick`, added up.
        ms: all of their milliseconds, in order.
    """

    ok: int = 0
    shed: int = 0
    web: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    ms: list[int] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """Milliseconds within which such a share was answered; not a number where nothing was."""
        return self.ms[min(len(self.ms) - 1, int(share * len(self.ms)))] if self.ms else math.nan


def together(ticks: Iterable[Tick]) -> Calls:
    """The calls of some seconds."""
    calls = Calls()
    for tick in ticks:
        calls.ok += tick.ok
        calls.shed += tick.shed
        calls.web += tick.web
        calls.failed.update(tick.failed)
        calls.ms += tick.ms
    calls.ms.sort()
    return calls


class Record:
    """Everything, in order; watchers add to it while the chapters read it."""

    def __init__(self) -> None:
        self.began = time.time()
        self.ticks: list[Tick] = []
        self.events: list[Event] = []
        self.figures: dict[str, float | str] = {}
        self._lock = threading.Lock()

    def tick(self, tick: Tick) -> None:
        """A second has passed."""
        with self._lock:
            self.ticks.append(tick)
            if len(self.ticks) % EACH == 0:
                self._print(tick.at + 1, line(self.ticks[-EACH:]))

    def happen(self, kind: str, name: str, text: str = "", at: float | None = None) -> Event:
        """Something has happened, now if it is not said when."""
        event = Event(time.time() if at is None else at, kind, name, text)
        with self._lock:
            self.events.append(event)
            self._print(event.at, event_line(event))
        return event

    def figure(self, what: str, value: float | str, unit: str = "") -> None:
        """A number that is asserted, kept under its name."""
        with self._lock:
            self.figures[what] = value
            self._print(
                time.time(),
                f"    = {what}: {value:.1f} {unit}" if isinstance(value, float) else f"    = {what}: {value} {unit}",
            )

    def calls(self, since: float, until: float = math.inf) -> Calls:
        """The calls that ended between two moments."""
        return together(tick for tick in self.ticks if since <= tick.at < until)

    def found(self, kind: str, name: str | None = None, since: float = 0.0) -> list[Event]:
        """Events of a kind, in order."""
        return [
            event
            for event in list(self.events)
            if event.kind == kind and event.at >= since and name in {None, event.name}
        ]

    def save(self, file: Path) -> None:
        """Writes all of it as JSON, times as seconds since the beginning."""
        file.parent.mkdir(parents=True, exist_ok=True)
        whole = {
            "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began)),
            "figures": self.figures,
            "events": [asdict(event) | {"at": round(event.at - self.began, 1)} for event in self.events],
            "seconds": [brief(tick) | {"at": round(tick.at - self.began)} for tick in self.ticks],
        }
        file.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")

    def _print(self, at: float, text: str) -> None:
        minutes, seconds = divmod(max(0, round(at - self.began)), 60)
        sys.stdout.write(f"{minutes:02}:{seconds:02} {text}\n")
        sys.stdout.flush()


def brief(tick: Tick) -> dict[str, object]:
    """A second without its every single answer."""
    calls = together([tick])
    times = {"p50": calls.quantile(0.5), "p99": calls.quantile(0.99), "max": calls.quantile(1)}
    found = asdict(tick) | {name: None if math.isnan(value) else value for name, value in times.items()}
    del found["ms"]
    return found


def line(ticks: list[Tick]) -> str:
    """Some seconds in a line that a person can follow."""
    calls, last = together(ticks), ticks[-1]
    times = " ".join(f"{calls.quantile(share):5.0f}" for share in (0.5, 0.99, 1)) if calls.ms else "    -     -     -"
    bad = [f"{count} {what}" for what, count in (("shed", calls.shed), ("the web's", calls.web)) if count]
    bad += [f"{count} FAILED ({what})" for what, count in calls.failed.items()]
    saturation = "  ?" if last.saturation is None else f"{last.saturation:3.0%}"
    return (
        f"{last.rate:4.0f}/s  {times} ms  {saturation:>4} full  {last.ready}/{last.desired} pods"
        + "".join(f"  {each}" for each in bad)
        + (f"  [{', '.join(name.removeprefix('Scrap') for name in last.firing)}]" if last.firing else "")
    )


def event_line(event: Event) -> str:
    """An event in a line."""
    match event.kind:
        case "chapter":
            return f"\n===== ({event.name}) {event.text}\n      calls    p50   p99   max"
        case "breaks":
            return f"  ✗ {event.name} {event.text}"
        case "fixed":
            return f"  ✓ {event.name} {event.text}"
        case "skipped":
            return f"  - {event.name}: skipped. {event.text}"
        case "alert":
            return f"  ! {event.name} fires"
        case "over":
            return f"  ! {event.name} is over"
        case "slack":
            return f"  » Slack, {event.name}: {event.text}"
        case kind:
            return f"  ~ {kind} replicas: {event.name}"
