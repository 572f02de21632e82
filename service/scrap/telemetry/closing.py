"""The end of what sends."""

import threading
from collections.abc import Callable


def close_together(*closings: Callable[[], None]) -> None:
    """Closes several senders at the same time, so that the end takes as long as the slowest, and none costs another."""
    threads = [threading.Thread(target=close) for close in closings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
