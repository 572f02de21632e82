"""A page that its host counts the visits of."""

import threading
from dataclasses import dataclass, field


@dataclass
class CountedPage:
    """A page whose host counts its visitors, and that the test changes."""

    title: str = "First"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    visits: int = 0
    visited: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    open: threading.Event = field(default_factory=threading.Event)
