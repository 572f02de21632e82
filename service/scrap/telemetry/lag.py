"""The event loop's lag."""

import asyncio
import time
from collections.abc import Callable


async def measure_lag(
    note: Callable[[float], None], *, interval: float = 0.05, clock: Callable[[], float] = time.monotonic
) -> None:
    """Gives to `note`, until it is cancelled, by how many seconds the event loop runs a timer late.

    A callback that blocks the loop delays every request, and no request's own duration says which one it was. The clock
    is not the loop's own, which uvloop reads once an iteration.
    """
    while True:
        due = clock() + interval
        await asyncio.sleep(interval)
        note(max(0.0, clock() - due))
