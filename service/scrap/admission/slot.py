"""The slot of one fetch, and the memory that it may hold."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrap.admission.admission import Admission


class Slot:
    """The slot of one fetch: an asynchronous context manager, entered once."""

    def __init__(self, admission: "Admission", own_bytes: int) -> None:
        self.shared = 0  # bytes taken of the memory that all fetches share
        self._limit = own_bytes  # that it may hold
        self._admission = admission

    async def __aenter__(self) -> "Slot":
        if not self._admission.acquire_now():
            await self._admission.acquire()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._admission.release(self.shared)

    def hold(self, size: int) -> None:
        """Notes that the fetch holds so many bytes now; raises Overloaded where so many are not left."""
        while size > self._limit:
            step = self._admission.take_memory()
            self.shared += step
            self._limit += step
