"""Calls at a steady rate, each for another page so that no cache answers, and what their clients got."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.cluster.clusters import call, working

PATIENCE = 12.0  # seconds for which a client waits for its response; the service's own deadline is 8


@dataclass(frozen=True)
class TrafficResponse:
    """What one client got.

    Attributes:
        at: when it called.
        seconds: how long it waited.
        word: the status, and the reason where it is a problem; `no answer`.
    """

    at: float
    seconds: float
    word: str

    @property
    def well(self) -> bool:
        """Is it a page's Open Graph?"""
        return self.word == "200"


@dataclass(frozen=True)
class Noticed:
    """What the clients of some minutes noticed."""

    answers: tuple[TrafficResponse, ...]

    @property
    def share(self) -> float:
        """How many of them got what they wanted."""
        return sum(answer.well for answer in self.answers) / len(self.answers)

    def __str__(self) -> str:
        slowest = max(answer.seconds for answer in self.answers)
        words = [f"{self.share:.0%} of {len(self.answers)} calls answered, the slowest after {slowest:.2g} s"]
        wrong = Counter(answer.word for answer in self.answers if not answer.well)
        words += [f"{count} got {word}" for word, count in wrong.most_common(3)]
        return "; ".join(words)


class Traffic:
    """Calls from one thread.

    Args:
        host: the service's address.
        target: what the n-th call asks for.
        rate: calls a second.
        patience: seconds for which a client waits for its response.
    """

    def __init__(self, host: str, target: Callable[[int], str], rate: float, patience: float = PATIENCE) -> None:
        self._host = host
        self._target = target
        self._rate = rate
        self._patience = patience
        self._answers: list[TrafficResponse] = []
        self._stopped = threading.Event()

    def noticed(self, since: float, until: float) -> Noticed:
        """What those noticed who called within this time and had an answer since."""
        return Noticed(tuple(answer for answer in list(self._answers) if since <= answer.at < until))

    def calm(self, seconds: float) -> bool:
        """Has everybody who called within the last seconds got what they wanted?"""
        recent = self.noticed(time.time() - seconds, time.time()).answers
        return len(recent) > seconds * self._rate / 2 and all(answer.well for answer in recent)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Calls within the block."""
        with working(lambda: asyncio.run(self._work()), self._stopped):
            yield

    async def _work(self) -> None:
        number = 0
        async with asyncio.TaskGroup() as calls:
            while not self._stopped.is_set():
                calls.create_task(self._call(self._target(number)))
                number += 1
                await asyncio.sleep(1 / self._rate)

    async def _call(self, target: str) -> None:
        at = time.time()
        word = "no answer"
        with suppress(OSError, TimeoutError, ValueError):
            async with asyncio.timeout(self._patience):
                word = said(await self._ask(target))
        self._answers.append(TrafficResponse(at, time.time() - at, word))

    async def _ask(self, target: str) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, 80)
        try:
            writer.write(f"GET {call(target)} HTTP/1.1\r\nHost: scrap\r\nConnection: close\r\n\r\n".encode())
            return await reader.read()
        finally:
            writer.close()


def said(answer: bytes) -> str:
    """An answer in a word or two.

    Raises:
        ValueError: it is none.
    """
    head, _, body = answer.partition(b"\r\n\r\n")
    status = str(int(head.split()[1])) if head else ""
    if status == "200":
        return status
    problem = json.loads(body)
    return f"{status} {problem['reason']}"
