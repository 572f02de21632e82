"""Names to addresses, on threads of our own (decision 0011).

They are more than fetches may be under way, and there is no queue: a healthy name would wait behind silent ones, and be
blamed for it.
"""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue

from scrap.errors import Overloaded, Reason
from scrap.fetch import exhaustion, guard

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Looks a host name up once and returns its addresses as text, best first.

Raises OSError where it has none, and Overloaded where it could not ask.
"""

_Found = asyncio.Future[list[str]]


class Resolver:
    """The system's resolver (getaddrinfo: /etc/hosts, DNS, RFC 6724 order), for one event loop.

    Args:
        threads: look-ups at once.
        relative: names that are looked up with the machine's search domains (`EgressPolicy.hosts`). All others are
            absolute names: in a cluster `example.com` is not tried as `example.com.default.svc.cluster.local` first,
            which is four look-ups fewer, and one attack.
    """

    def __init__(self, threads: int, relative: tuple[str, ...] = ()) -> None:
        self._relative = relative
        self._free = threads  # look-ups that may begin
        self._idle = 0  # threads that wait for a name
        self._names: SimpleQueue[tuple[bytes, _Found] | None] = SimpleQueue()

    async def __call__(self, host: str) -> list[str]:
        """See `Resolve`; Overloaded is FULL, every thread is taken, or EXHAUSTED, none has what it needs."""
        name = (host if guard.names(self._relative, host) else host + ".").encode("ascii")
        if not self._free:
            raise Overloaded(Reason.FULL, "every thread for look-ups is taken")
        if self._idle:
            self._idle -= 1
        else:
            try:
                threading.Thread(target=self._work, name="resolver", daemon=True).start()
            except (RuntimeError, MemoryError) as error:  # "can't start new thread"
                raise Overloaded(Reason.EXHAUSTED, str(error)) from None
        self._free -= 1
        found: _Found = asyncio.get_running_loop().create_future()
        self._names.put((name, found))
        return await found

    def close(self) -> None:
        """Does not wait: a look-up that is under way ends by its own time limit, or with the process."""
        self._names.put(None)

    def _work(self) -> None:
        """Looks names up, in a thread, until there will be no more."""
        while asked := self._names.get():
            name, found = asked
            result: list[str] | BaseException
            try:
                result = _addresses(name)
            except BaseException as error:  # noqa: BLE001 - whoever waits for the name raises it
                result = error
            with suppress(RuntimeError):  # the event loop is closed
                found.get_loop().call_soon_threadsafe(self._end, found, result)
            del asked, found, result  # not held while there is nothing to do
        self._names.put(None)  # for the next thread

    def _end(self, found: _Found, result: list[str] | BaseException) -> None:
        self._free += 1
        self._idle += 1
        if found.done():  # nobody waits any more
            return
        if isinstance(result, list):
            found.set_result(result)
        else:
            found.set_exception(result)


def _addresses(name: bytes) -> list[str]:
    try:
        infos = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError as error:
        if exhaustion.is_ours(error) or exhaustion.has_no_descriptors():
            raise Overloaded(Reason.EXHAUSTED, str(error)) from None
        raise
    return list(dict.fromkeys(str(info[4][0]) for info in infos))
