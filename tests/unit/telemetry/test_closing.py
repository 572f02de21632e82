"""The end of what sends."""

import threading

from scrap.telemetry import close_together


def test_all_are_closed_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=30)

    def close() -> None:
        together.wait()  # for the others

    close_together(close, close, close)
    assert not together.broken


def test_nothing_is_closed_at_once() -> None:
    close_together()
