"""The event loop's lag."""

import asyncio
import time

from scrap.telemetry.lag import LoopLag


async def test_a_loop_that_is_held_is_late() -> None:
    lags: list[float] = []
    late = asyncio.Event()

    def note(lag: float) -> None:
        lags.append(lag)
        if lag > 0.1:
            late.set()

    lag = LoopLag(note, interval=0.01)
    lag.start()
    time.sleep(0.15)  # noqa: ASYNC251 - holds the loop: that is the point
    await late.wait()
    lag.stop()
    assert 0.1 < lags[0] < 10
    assert min(lags) >= 0


async def test_it_ends() -> None:
    lags: list[float] = []
    lag = LoopLag(lags.append, interval=0.0)
    lag.start()
    lag.stop()
    lag.stop()
    for _ in range(5):
        await asyncio.sleep(0)
    assert lags == []
