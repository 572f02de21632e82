"""A clock that stands still until a test moves it."""

from dataclasses import dataclass


@dataclass
class Clock:
    """Seconds; `now` is the time."""

    now: float = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now
