"""`scrap serve` that switches its own telemetry off and on, many times a second, for bench_telemetry.

    python -m tests.benchmarks.telemetry_app nothing|untraced SECONDS

One process, so that both have the same memory and the same moment: of two equal processes one may be 3 % slower for as
long as it lives, and a machine may be a quarter slower in the next second. Every SECONDS it changes between all that
its variables switch on, and that without traces, or without anything. What belongs to a turn (what was gathered in it)
is done within it. Its last line on stderr is what it measured, as JSON.
"""

import asyncio
import contextlib
import json
import sys
import threading
import time
from typing import Any, Final

from scrap import api, app, cli, telemetry
from scrap.api import call, calls
from scrap.events import Emit, EmitHit, Event, Follow, ignore
from scrap.settings import Settings

_FEWEST: Final = 20  # calls of a turn that counts


class Silence:
    """Telemetry that there is none of."""

    def __init__(self) -> None:
        self.emit: Emit = ignore
        self.hit: EmitHit = ignore
        self.follow: Follow | None = None

    def start(self) -> None:
        """Does nothing."""

    def stop(self) -> None:
        """Likewise."""


class Turns:
    """Switches, and measures.

    Args:
        less: what there is in every other turn: "nothing", or "untraced", which is everything but traces.
        seconds: the length of a turn.
    """

    def __init__(self, less: str, seconds: float) -> None:
        self._less = less
        self._seconds = seconds
        self._measured: list[tuple[bool, int, float]] = []  # whether all was on, calls, seconds of the loop's thread
        self._calls = 0
        self._on = True
        self._elsewhere = 0.0
        self.hit = self.follow = None  # until the first turn

    def install(self) -> None:
        """Puts itself into the service: a switch for a benchmark has no place there."""
        self._signals, self._public_app, self._new_id = app._signals, api.public_app, call.new_request_id
        app._signals = self._make_signals  # whose second part is as good as a Gathering
        api.public_app = self._make_app
        # There is no other place at which every call passes by: mypy has a module give away only what it defines.
        calls.new_request_id = self._count  # type: ignore[attr-defined]
        # Made deep in `_signals`, which gives it to nobody: a function in the class's place, which mypy has be a class.
        telemetry.LoopLag = self._make_lag  # type: ignore[misc,assignment]

    def report(self) -> str:
        """What was measured."""
        return json.dumps({"turns": self._measured, "elsewhere": self._elsewhere})

    def emit(self, event: Event) -> None:
        """Takes what the house emits."""
        self._told.emit(event)

    def _make_signals(self, settings: Settings, stack: contextlib.AsyncExitStack) -> tuple[telemetry.Metrics, Any]:
        metrics, gathering = self._signals(settings, stack)
        self._all: Any = gathering
        self._rest: Any = (
            Silence() if self._less == "nothing" else telemetry.Gathering(gathering._to, done=gathering._done)
        )
        self._told = self._all
        return metrics, self

    def _make_app(self, *args: Any, **options: Any) -> api.calls.Calls:
        self._public = self._public_app(*args, **options)
        asyncio.get_running_loop().call_later(self._seconds, self._turn, None)
        return self._public

    def _make_lag(self, *args: Any) -> telemetry.LoopLag:
        self._lag = _LoopLag(*args)
        return self._lag

    def _count(self) -> str:
        self._calls += 1
        return self._new_id()

    def _turn(self, since: tuple[int, float, float] | None) -> None:
        self._told.stop()
        self._lag.stop()
        used, elsewhere = time.thread_time(), _elsewhere()
        if since and self._calls - since[0] >= _FEWEST:
            self._measured.append((self._on, self._calls - since[0], used - since[1]))
            self._elsewhere += elsewhere - since[2]
        self._on = not self._on
        told = self._told = self._all if self._on else self._rest
        self._public._emit, self._public._hit, self._public._follow = told.emit, told.hit, told.follow
        told.start()
        if self._on or self._less != "nothing":
            self._lag.start()
        now = (self._calls, time.thread_time(), elsewhere)
        asyncio.get_running_loop().call_later(self._seconds, self._turn, now)


_LoopLag = telemetry.LoopLag


def _elsewhere() -> float:
    """Seconds of processor time of all threads but the loop's and those that work for pages."""
    others = [one for one in threading.enumerate() if one.name.startswith(("resolver", "parser"))]
    used = sum(time.clock_gettime(time.pthread_getcpuclockid(one.ident)) for one in others if one.ident)
    return time.process_time() - time.thread_time() - used


def main(less: str, seconds: str) -> None:
    """Runs the service."""
    turns = Turns(less, float(seconds))
    turns.install()
    try:
        cli.main(["serve"])
    finally:
        print(turns.report(), file=sys.stderr)


if __name__ == "__main__":
    assert threading.current_thread() is threading.main_thread()  # whose time is the loop's
    main(*sys.argv[1:])
