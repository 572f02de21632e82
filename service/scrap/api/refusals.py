"""Refusals of callers who never became a call: many of them, for the price of few."""

import asyncio
from dataclasses import dataclass

from scrap.api import problem
from scrap.api.call import Call, new_request_id
from scrap.errors import Reason, ScrapError
from scrap.events import Emit, RequestEnded, RequestStarted

UNMATCHED = "unmatched"  # the route of what is none
_EVERY = 0.25  # seconds from the first refusal to the event that tells of it and of those after it


@dataclass(slots=True)
class _Alike:
    """Refusals for one reason."""

    call: Call
    answer: bytes
    method: str
    route: str
    count: int = 0


class Refusals:
    """Makes the answers to whom we refuse before they cost anything, and tells of them.

    Those of the same kind are counted one by one and told together, a few times a second. They share an answer and its
    request id, which is that of the log line that tells of them.

    Args:
        emit: where the events go.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._untold: dict[tuple[Reason, str], _Alike] = {}

    def answer(self, error: ScrapError, *, method: str = "", route: str = UNMATCHED, close: bool = True) -> bytes:
        """The whole answer, as bytes for the wire.

        Args:
            error: why.
            method: the request's, where it is known.
            route: the template, where it is known; it decides over `method` and `close`, too.
            close: say that the connection ends with it.
        """
        alike = self._untold.get((error.reason, route))
        if alike is None:
            if not self._untold:
                asyncio.get_running_loop().call_later(_EVERY, self.tell)
            call = Call(new_request_id(), {})
            alike = _Alike(call, problem.wire(error, call, close=close), method, route)
            self._untold[error.reason, route] = alike
        alike.count += 1
        return alike.answer

    def tell(self) -> None:
        """Tells of all refusals that were not told yet."""
        untold, self._untold = self._untold, {}
        for alike in untold.values():
            call = alike.call
            path = "" if alike.route == UNMATCHED else alike.route
            self._emit(RequestStarted())
            self._emit(
                RequestEnded(
                    call.request_id,
                    alike.method,
                    alike.route,
                    call.status,
                    call.outcome,
                    seconds=None,
                    reason=call.reason,
                    path=path,
                    calls=alike.count,
                )
            )
