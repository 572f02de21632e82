"""An end in bounded time."""

import threading
import time
from collections.abc import Callable, Iterable


def close_together(closings: Iterable[Callable[[], object]], timeout: float = 2.0) -> None:
    """Calls all at the same time; one that takes longer than `timeout` seconds ends with the process."""
    deadline = time.monotonic() + timeout
    threads = [threading.Thread(target=close, daemon=True) for close in closings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
