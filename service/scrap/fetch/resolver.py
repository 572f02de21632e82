"""Names to addresses, on threads of our own.

The event loop's own threads will not do: asyncio's default executor has `cpus + 4`, uvloop's has four, and a name whose
servers do not answer holds one for seconds, also when nobody waits for it any more. So there are more than fetches may
be under way, and nobody queues for one: a healthy name would wait behind silent ones, and be blamed for it.
"""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from scrap.errors import Overloaded, Reason
from scrap.fetch import guard

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Looks a host name up once and returns its addresses as text, best first; raises OSError where it has none."""


class Resolver:
    """The system's resolver (getaddrinfo: /etc/hosts, DNS, RFC 6724 order).

    Args:
        threads: look-ups at once.
        relative: names that are looked up with the machine's search domains (see `Policy.hosts`). All others are looked
            up as absolute names: in a cluster `example.com` is not tried as `example.com.default.svc.cluster.local`
            first, which is four look-ups fewer and nothing to be fooled by.
    """

    def __init__(self, threads: int, relative: tuple[str, ...] = ()) -> None:
        self._relative = relative
        self._free = threading.Semaphore(threads)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    async def __call__(self, host: str) -> list[str]:
        """Looks a name up.

        Raises:
            OSError: it has no address, or nobody says so.
            Overloaded: FULL; every thread is taken.
        """
        name = host if guard.names(self._relative, host) else host.rstrip(".") + "."
        if not self._free.acquire(blocking=False):
            raise Overloaded(Reason.FULL, "every thread for look-ups is taken")
        found = self._executor.submit(_addresses, name.encode("ascii"))
        found.add_done_callback(lambda _: self._free.release())  # when the thread is free, whoever still waits
        return await asyncio.wrap_future(found)

    def close(self) -> None:
        """Waits for nobody: a thread that is still asking ends by its own time limit."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _addresses(name: bytes) -> list[str]:
    infos = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))
