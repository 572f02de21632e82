"""A slot for a fetch, and the memory budget of all fetches."""

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from scrap.errors import Overloaded

if TYPE_CHECKING:
    from scrap.admission.admission import Admission


class MemoryBudget:
    """The memory that fetches share beyond the bytes that each has of its own.

    Args:
        own: bytes that each may hold in any case.
        shared: bytes that all together may hold beyond.
        step: bytes that one takes of it at once.
        reject: makes the error for a fetch that exceeds the budget.
    """

    __slots__ = ("left", "own", "reject", "step")

    def __init__(self, *, own: int, shared: int, step: int, reject: Callable[[], Overloaded]) -> None:
        self.own = own
        self.left = shared
        self.step = step
        self.reject = reject


class Slot:
    """The slot of one fetch: an asynchronous context manager, entered once; entering raises Overloaded."""

    __slots__ = ("_admission", "_budget", "_limit", "shared")

    def __init__(self, admission: "Admission", budget: MemoryBudget) -> None:
        self.shared = 0  # bytes taken of the shared memory
        self._limit = budget.own  # bytes that it may hold
        self._budget = budget
        self._admission = admission

    async def __aenter__(self) -> "Slot":
        if not self._admission.acquire_now():
            await self._admission.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._budget.left += self.shared
        self._admission.release()

    def hold(self, size: int) -> None:
        """Notes that the fetch holds so many bytes now.

        Raises:
            Overloaded: the budget does not have so many left.
        """
        budget = self._budget
        while size > self._limit:
            if budget.step > budget.left:
                raise budget.reject()
            budget.left -= budget.step
            self.shared += budget.step
            self._limit += budget.step
