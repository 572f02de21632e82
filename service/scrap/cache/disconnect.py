"""A client's disconnect: from the connection to the work that was done for it."""

from collections.abc import Callable


class Disconnect:
    """Whether a client's disconnect `happened`; it is called when it happens, and calls `callback`."""

    happened = False
    callback: Callable[[], object] | None = None

    def __call__(self) -> None:
        self.happened = True
        if self.callback is not None:
            self.callback()
