"""Names to addresses, on threads of our own.

The event loop's own threads will not do: asyncio's default executor has `cpus + 4`, uvloop's has four, and a name whose
servers do not answer holds one for seconds, also when no fetch waits for it any more. So there are more than fetches
may be under way, and there is no queue: a healthy name would wait behind silent ones, and be blamed for it.

`concurrent.futures.ThreadPoolExecutor` will not do either: where a thread cannot be started, `submit` raises and leaves
its work in a queue that no thread reads; and the interpreter waits for its threads at exit.
"""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue

from scrap.errors import Overloaded, Reason
from scrap.fetch import exhaustion, guard

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Looks a host name up once and returns its addresses as text, best first.

Raises OSError where it has none, and Overloaded where it could not ask.
"""

_Found = Future[list[str]]


class Resolver:
    """The system's resolver (getaddrinfo: /etc/hosts, DNS, RFC 6724 order).

    Args:
        threads: look-ups at once.
        relative: names that are looked up with the machine's search domains (`EgressPolicy.hosts`). All others are
            absolute names: in a cluster `example.com` is not tried as `example.com.default.svc.cluster.local` first,
            which is four look-ups fewer, and one attack.
    """

    def __init__(self, threads: int, relative: tuple[str, ...] = ()) -> None:
        self._relative = relative
        self._permits = threading.Semaphore(threads)
        self._idle = threading.Semaphore(0)  # threads that wait for a name
        self._names: SimpleQueue[tuple[bytes, _Found] | None] = SimpleQueue()

    async def __call__(self, host: str) -> list[str]:
        """See `Resolve`; Overloaded is FULL, every thread is taken, or EXHAUSTED, none has what it needs."""
        name = host if guard.names(self._relative, host) else host + "."
        if not self._permits.acquire(blocking=False):
            raise Overloaded(Reason.FULL, "every thread for look-ups is taken")
        try:
            found = self._ask(name.encode("ascii"))
        except BaseException as error:
            self._permits.release()
            if isinstance(error, RuntimeError | MemoryError):  # "can't start new thread"
                raise Overloaded(Reason.EXHAUSTED, str(error)) from None
            raise
        return await asyncio.wrap_future(found)

    def close(self) -> None:
        """Does not wait: a look-up that is under way ends by its own time limit, or with the process."""
        self._names.put(None)

    def _ask(self, name: bytes) -> _Found:
        """Gives a name to a thread that is idle, or to a new one; with it goes the permit."""
        found: _Found = Future()
        if not self._idle.acquire(blocking=False):
            threading.Thread(target=self._work, name="resolver", daemon=True).start()
        self._names.put((name, found))
        return found

    def _work(self) -> None:
        """Looks names up until there will be no more."""
        while asked := self._names.get():
            name, found = asked
            try:
                result = _result(name) if found.set_running_or_notify_cancel() else None
                self._idle.release()
            finally:
                self._permits.release()  # before the result is there, after which the next name may be asked for
            if isinstance(result, list):
                found.set_result(result)
            elif result is not None:
                found.set_exception(result)
            del asked, found, result  # not held while there is nothing to do
        self._names.put(None)  # for the next thread


def _result(name: bytes) -> list[str] | BaseException:
    try:
        return _addresses(name)
    except BaseException as error:  # noqa: BLE001 - whoever waits for the name raises it
        return error


def _addresses(name: bytes) -> list[str]:
    try:
        infos = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError as error:
        if exhaustion.is_ours(error) or exhaustion.has_no_descriptors():
            raise Overloaded(Reason.EXHAUSTED, str(error)) from None
        raise
    return list(dict.fromkeys(str(info[4][0]) for info in infos))
