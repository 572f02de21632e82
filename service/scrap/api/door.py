"""The door: while there is more to do than can be done, a call is refused before it costs anything.

The ordinary way to a refusal takes a third of the work of a page: parsing, a task, the router, an error, a log line. At
four times of what the house can do, saying no that way would leave nothing for those who got in. Here it is one look at
the bytes and one write. DESIGN.md has the figures.
"""

import re

from scrap.api.connection import is_host
from scrap.api.refusals import Refusals
from scrap.api.scrap import PATH, remembered
from scrap.preview import Previewer

# A whole request, and nothing but that: one GET of the one path, without a body and without wishes for the connection.
# Whatever else comes goes the ordinary way. Nothing of it is used, so it does not matter what another parser would see.
_CALL = re.compile(
    rb"GET %b\?([!-~]*) HTTP/1\.1\r\n"
    rb"(?>(?:(?!(?i:connection|content-length|expect|transfer-encoding|upgrade):)[!-9;-~]++:[^\r\n\0]*+\r\n)+)\r\n"
    % re.escape(PATH.encode())
)
_HOSTS = re.compile(rb"(?i:\nhost):([^\r]*)")


class Door:
    """Refuses calls that would have to be refused anyway.

    Args:
        previewer: knows how many may come in, and what it can answer to all others as well.
        refusals: makes the answers.
    """

    def __init__(self, previewer: Previewer, refusals: Refusals) -> None:
        self._previewer = previewer
        self._refusals = refusals

    def refusal(self, data: bytes) -> bytes | None:
        """The whole answer to a call that is refused; None for who may come in.

        Args:
            data: all that a caller says, on a connection where nothing is under way.
        """
        if not self._previewer.is_strained or not (found := _CALL.fullmatch(data)):
            return None
        if not is_host(_HOSTS.findall(data)):  # which is another answer
            return None
        target = remembered(found[1])
        if (target and self._previewer.knows(target)) or self._previewer.let_in():
            return None
        return self._refusals.answer(self._previewer.refuse(), method="GET", route=PATH, close=False)
