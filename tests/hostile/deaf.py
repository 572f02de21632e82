"""An address that takes no connection and refuses none: Linux drops what a full backlog cannot take."""

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def deaf(address: str, port: int) -> Iterator[None]:
    """Listens, and never accepts, with a backlog that is full already."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind((address, port))
        listening.listen(0)
        for _ in range(4):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex((address, port))
        yield
