"""A page's fetch: hop after hop, with the cookies of this one fetch, to a body that can be read or left."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from scrap import urls
from scrap.errors import InvalidURL, Reason, UpstreamError
from scrap.events import Emit, FetchEnded, Timings
from scrap.fetch import media, tls
from scrap.fetch.body import Body
from scrap.fetch.cookies import Jar
from scrap.fetch.fields import Fields, combined, values
from scrap.fetch.hop import Answer, Hops
from scrap.fetch.host_limits import Refusals
from scrap.fetch.limits import FetchLimits
from scrap.fetch.policy import EgressPolicy
from scrap.fetch.resolver import Resolve, Resolver
from scrap.turns import Turns
from scrap.urls import Target

_REDIRECTS = {301, 302, 303, 307, 308}


class FetchedPage:
    """A page that was answered with a 2xx status: its head is here, its body is read as far as it is wanted.

    Attributes:
        url: where it was found, after all redirects.
        host: that URL's.
        is_html: by Content-Type, or by its beginning where that says nothing. The body of anything else is never read.
        charset: the label in the Content-Type header.
        delay: seconds from its request to its head, redirects before it not counted.
    """

    def __init__(self, target: Target, fields: Fields, body: Body, delay: float) -> None:
        self.url = target.href
        self.host = target.host
        self.delay = delay
        self.is_html = True
        self.charset: str | None = None
        self._fields = fields
        self._body = body

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The answer's header fields, name (in lower case) and value, in order."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._fields]

    @property
    def truncated(self) -> bool:
        """There was more than was given: the limit was reached, or the connection ended early."""
        return self._body.truncated

    @property
    def held(self) -> int:
        """Bytes of memory that reading it holds, beside what it has given."""
        return self._body.held

    def chunks(self) -> AsyncIterator[bytes]:
        """Gives the decoded body of an HTML page, once, and nothing of anything else.

        Raises:
            UpstreamError: while iterating: BODY_UNREADABLE or PROTOCOL_ERROR.
        """
        return self._body

    async def _look(self) -> None:
        """Finds out what the page is, from its header or else from its beginning."""
        said = media.read([value.decode("latin-1") for value in values(self._fields, b"content-type")])
        self.charset = said.charset
        self.is_html = (
            media.sniff(await self._body.beginning(media.SNIFFED_BYTES)) if said.is_html is None else said.is_html
        )
        if not self.is_html:
            self._body.leave()


class Fetcher:
    """Fetches pages from a web that is not trusted.

    One fetcher serves a whole event loop; it keeps no connection and no cookie from one fetch to the next.

    Args:
        limits: what one fetch may have of us.
        policy: what is let through beyond the public web.
        emit: is told of every hop, every end and every refusal.
        turns: the event loop's time for reading bodies, shared with those who parse them.
        resolve: looks names up; the system's resolver by default.
        ssl_context: verifies hosts; the machine's trust by default.
    """

    def __init__(
        self,
        *,
        limits: FetchLimits,
        policy: EgressPolicy,
        emit: Emit,
        turns: Turns | None = None,
        resolve: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits
        self._emit = emit
        self._turns = turns or Turns()
        self._own_resolver = None
        if resolve is None:
            resolve = self._own_resolver = Resolver(limits.resolver_threads, policy.hosts)
        self._hops = Hops(
            limits=limits,
            policy=policy,
            emit=emit,
            turns=self._turns,
            resolve=resolve,
            ssl_context=ssl_context or tls.context(),
        )
        self._refusals = Refusals(limits)

    @asynccontextmanager
    async def open(self, target: Target, timings: Timings) -> AsyncIterator[FetchedPage]:
        """Fetches a page up to its head; leaving the context ends the connection at once.

        There is no total deadline here: wrap all of it in `asyncio.timeout`.

        Args:
            target: the page.
            timings: what each phase takes is added to it, also where the fetch fails; `body` when the context is left.

        Raises:
            Blocked: the guard refuses the target, or where it redirects to.
            UpstreamError: the page cannot be had.
            DeadlineExceeded: TIMEOUT_CONNECT or TIMEOUT_FIRST_BYTE.
            Overloaded: FULL, too many wait for this host, or EXHAUSTED.
        """
        answer, redirects = await self._follow(target, timings)
        with closing(answer):
            body = Body(answer.exchange, combined(answer.fields, b"content-encoding"), self._limits, self._turns)
            page = FetchedPage(answer.target, answer.fields, body, answer.exchange.first_byte)
            await page._look()
            if not page.is_html:
                answer.exchange.abort()
            try:
                yield page
            finally:
                timings.body += body.seconds
                timings.wait += body.waited
                wire_bytes = answer.exchange.body_bytes
                self._emit(FetchEnded(redirects, wire_bytes, body.decoded_bytes, body.seconds, body.truncated))

    async def aclose(self) -> None:
        """Gives back what outlives a fetch: the resolver's threads."""
        if self._own_resolver is not None:
            self._own_resolver.close()

    async def _follow(self, target: Target, timings: Timings) -> tuple[Answer, int]:
        """Sends requests until an answer is no redirect; returns it and how many were.

        Each Location is read once, by the one parser that the guard believes.
        """
        jar = Jar(self._limits.cookies)
        seen: set[tuple[str, bytes]] = set()
        for redirects in range(self._limits.redirects + 1):
            cookie = jar.header(target)
            if (target.href, cookie) in seen:
                raise UpstreamError(Reason.REDIRECT_LOOP, target.href)
            seen.add((target.href, cookie))
            self._refusals.check(target.host)
            answer = await self._hops.get(target, cookie, timings)
            if 200 <= answer.status < 300:
                return answer, redirects
            with closing(answer):
                jar.keep(target, answer.fields)
                target = self._redirect(answer)
        raise UpstreamError(Reason.REDIRECT_LIMIT, target.href)

    def _redirect(self, answer: Answer) -> Target:
        """Reads where an answer sends us.

        Raises:
            UpstreamError: it sends us nowhere (UPSTREAM_STATUS), or to what is no URL (REDIRECT_INVALID).
        """
        here = answer.target
        location = _location(answer.fields)
        if answer.status not in _REDIRECTS or location is None:
            asked = self._refusals.note(here.host, answer.status, combined(answer.fields, b"retry-after"))
            raise UpstreamError(Reason.UPSTREAM_STATUS, here.href, status=answer.status, retry_after=asked)
        try:
            return urls.parse(location, base=here.href)
        except InvalidURL as error:
            raise UpstreamError(Reason.REDIRECT_INVALID, f"{error.reason}: {location[:200]!r}") from None


def _location(fields: Fields) -> str | None:
    """Returns the Location header as it was meant: some hosts send it in UTF-8, unencoded."""
    for value in values(fields, b"location"):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.decode("latin-1")
    return None
