"""The event loop's lag."""

import asyncio
import time
from collections.abc import Callable


async def measure_lag(
    note: Callable[[float], None], *, interval: float = 0.05, clock: Callable[[], float] = time.monotonic
) -> None:
    """Calls `note`, until it is cancelled, with the seconds by which the event loop runs a timer late.

    The clock is not the event loop's own, which uvloop reads once an iteration.
    """
    while True:
        due = clock() + interval
        await asyncio.sleep(interval)
        note(max(0.0, clock() - due))
