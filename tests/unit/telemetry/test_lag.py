"""The event loop's lag."""

import asyncio
import time

from scrap.telemetry import measure_lag


async def test_a_loop_that_is_held_is_late() -> None:
    lags: list[float] = []
    late = asyncio.Event()

    def note(lag: float) -> None:
        lags.append(lag)
        if lag > 0.1:
            late.set()

    measuring = asyncio.create_task(measure_lag(note, interval=0.01))
    await asyncio.sleep(0)  # it waits for its first timer
    time.sleep(0.15)  # noqa: ASYNC251 - holds the loop: that is the point
    await late.wait()
    measuring.cancel()
    assert 0.1 < lags[0] < 10
    assert min(lags) >= 0
