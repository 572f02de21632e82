"""The event loop's lag."""

import asyncio
import time

from scrap.telemetry import Metrics
from tests.exposition import Exposition


async def test_a_loop_that_is_held_is_late() -> None:
    metrics = Metrics(version="1")
    measuring = asyncio.create_task(metrics.measure_lag(interval=0.01))
    await asyncio.sleep(0)  # it waits for its first timer
    time.sleep(0.15)  # noqa: ASYNC251 - holds the loop: that is the point
    found = Exposition("")
    async with asyncio.timeout(20):
        while not found.sum("scrap_event_loop_lag_seconds_count"):
            await asyncio.sleep(0)
            found = Exposition(metrics.exposition("")[0].decode())
    measuring.cancel()
    assert 0.1 < found.value("scrap_event_loop_lag_seconds_sum") < 10
