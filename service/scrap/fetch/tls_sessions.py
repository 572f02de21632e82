"""TLS sessions of hosts that are fetched from again and again.

The standard library copies a session whenever it is read or given, so the first connection to a host leaves nothing
behind but the host's name, and a host that did not resume a session is not asked to again (decision 0020).
"""

import ssl
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

HOSTS: Final = 512  # remembered; a session takes 15 KiB
SECONDS: Final = 3600.0
"""For how long a session is resumed: then the certificate is verified anew. A host may ask for less (RFC 8446, 4.6.1);
OpenSSL keeps to that."""


class TLSSessions:
    """The sessions of one `ssl.SSLContext`, by host and port, of the `hosts` that were used last."""

    def __init__(self, hosts: int = HOSTS, clock: Callable[[], float] = time.time) -> None:
        self._limit = hosts
        self._clock = clock
        # None: seen once, nothing to resume yet. False: it did not resume the session that it was offered.
        self._sessions: OrderedDict[tuple[str, int], ssl.SSLSession | bool | None] = OrderedDict()

    def get(self, host: str, port: int) -> ssl.SSLSession | None:
        """Returns the session to offer to a host, if there is one."""
        session = self._sessions.get((host, port))
        if isinstance(session, ssl.SSLSession) and self._clock() - session.time <= SECONDS:
            return session
        if session:
            del self._sessions[host, port]
        return None

    def note(self, host: str, port: int, connection: ssl.SSLObject, *, was_offered: bool) -> None:
        """Learns from a connection that ends, whose handshake was completed: tickets of TLS 1.3 come behind that.

        `was_offered`: the connection began with what `get` returned.
        """
        key = host, port
        if not connection.session_reused:
            if was_offered:
                self._sessions[key] = False
            elif key not in self._sessions:
                self._sessions[key] = None
            elif self._sessions[key] is None and (session := connection.session) and session.has_ticket:
                self._sessions[key] = session
        if key in self._sessions:
            self._sessions.move_to_end(key)
        if len(self._sessions) > self._limit:
            self._sessions.popitem(last=False)
