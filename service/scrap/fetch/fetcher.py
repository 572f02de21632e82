"""A page's fetch: hop after hop, with the cookies of this one fetch, to a page whose content can be read."""

import ssl
from time import perf_counter, time

from scrap.errors import Blocked, Reason, ScrapError, UpstreamError
from scrap.events import Emit, FetchEnded, Hop
from scrap.fetch import redirects, tls
from scrap.fetch.connect import Connector
from scrap.fetch.cookies import Jar
from scrap.fetch.deadline import Deadline
from scrap.fetch.egress_policy import EgressPolicy
from scrap.fetch.host_retry_after import HostRetryAfter
from scrap.fetch.limits import FetchLimits
from scrap.fetch.lookup import AddressLookup
from scrap.fetch.page import FetchedPage, Navigation
from scrap.fetch.per_host_limit import PerHostLimit
from scrap.fetch.resolver import Resolve, Resolver
from scrap.fetch.response import UpstreamResponse
from scrap.fetch.socket_reader import ConnectionResources
from scrap.turns import Turns
from scrap.urls import Target


class Fetcher:
    """Fetches pages from a web that is not trusted.

    One fetcher serves a whole event loop; it keeps no connection and no cookie from one fetch to the next.

    Args:
        policy: which targets are allowed beyond the public web.
        emit: receives an event of every blocked target.
        turns: the event loop's time for reading content, shared with parsing.
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
        self._turns = turns or Turns()
        self._own_resolver = Resolver(limits.resolver_threads, policy.hosts)
        self._lookup = AddressLookup(policy, emit, resolve or self._own_resolver)
        self._connector = Connector(ConnectionResources(limits, self._turns), ssl_context or tls.context())
        self._per_host = PerHostLimit(limits)
        self._retry_after = HostRetryAfter(limits)
        self._languages = policy.accept_language
        self._fields = policy.request_fields()

    async def open(self, target: Target, summary: FetchEnded, deadline: Deadline) -> FetchedPage:
        """Fetches a page up to its head. The page is a context manager, whose end ends the connection at once.

        Args:
            summary: hops and timings are added to it, also where the fetch fails; the content's when the page ends.
            deadline: the context that this is called in; the phases of each hop are limited by it as well.

        Raises Blocked (the target or a redirect's), UpstreamError where the page cannot be fetched, and Overloaded
        (FULL: too many wait for this host; EXHAUSTED).
        """
        return await self.follow(target, Navigation(summary, deadline, Jar(self._limits)))

    async def follow(self, target: Target, navigation: Navigation) -> FetchedPage:
        """Goes on to where a page leads (`FetchedPage.refreshed`), as `open` does."""
        request = self._begin_hop(target, navigation)
        previous: UpstreamResponse | None = None  # whose connection is used again
        while True:
            response = await self._get(target, request, navigation, previous)
            try:
                status = response.status
                if 200 <= status < 300:
                    page = FetchedPage(response, self._per_host, self._limits, self._turns, navigation)
                    if page.is_unknown:
                        await page.look()
                    return page
                navigation.jar.keep(target, response.fields)
                location = redirects.location_of(status, response.fields)
                if location is None:
                    sent = b", ".join(response.fields.get(b"retry-after", ())).decode("latin-1")
                    seconds = self._retry_after.note(target.host, status, sent)
                    said = f"{status} from {target.href}"
                    raise UpstreamError(Reason.UPSTREAM_STATUS, said, status=status, retry_after=seconds)
                target = redirects.resolve(location, target)
                request = self._begin_hop(target, navigation)
            except BaseException:
                self._close(response)
                raise
            previous = response if response.leads_to(target) else None
            if previous is None:
                self._close(response)

    async def aclose(self) -> None:
        """Gives back what outlives a fetch: the resolver's threads."""
        self._own_resolver.close()

    def _begin_hop(self, target: Target, navigation: Navigation) -> bytes:
        """Counts a request, and checks that it may be sent; returns its head (RFC 9112, section 3)."""
        if len(navigation.seen) > self._limits.redirects:
            raise UpstreamError(Reason.REDIRECT_LIMIT, target.href)
        cookie = navigation.jar.header(target)
        if (target.href, cookie) in navigation.seen:
            raise UpstreamError(Reason.REDIRECT_LOOP, target.href)
        navigation.seen.add((target.href, cookie))
        self._retry_after.check(target.host)
        languages = target.languages or self._languages
        first = f"GET {target.path} HTTP/1.1\r\nHost: {target.authority}\r\nAccept-Language: {languages}\r\n"
        return first.encode("ascii") + self._fields + (b"Cookie: %b\r\n\r\n" % cookie if cookie else b"\r\n")

    async def _get(
        self, target: Target, request: bytes, navigation: Navigation, previous: UpstreamResponse | None
    ) -> UpstreamResponse:
        """Sends one GET and returns its response as soon as the head is there. It must be given to `_close`.

        `previous` is a redirect to the target, whose connection and slot are taken over.
        """
        summary, deadline = navigation.summary, navigation.deadline
        timings, started = summary.timings, perf_counter()
        if previous is None:
            try:
                await self._per_host.take(target.host)
            finally:
                timings.wait += perf_counter() - started
        hop = Hop(target.host, target.port, target.href, time())
        response: UpstreamResponse | None = None
        summary.hops.append(hop)
        began = perf_counter()
        try:
            if previous is not None:
                response = previous.hand_over(target)
                response.send(request)
                try:
                    await self._wait_for_head(response, hop, deadline)
                except UpstreamError:  # a host may close a kept connection at any time (RFC 9112, section 9.3.1)
                    response.abort()
                    response = None
            if response is None:
                deadline.begin(Reason.TIMEOUT_CONNECT, self._limits.connect_seconds)
                addresses = await self._lookup.addresses(target, hop)
                resolved = perf_counter()
                try:
                    response = await self._connector.send(request, target, addresses)
                finally:
                    hop.connect = perf_counter() - resolved
                await self._wait_for_head(response, hop, deadline)
            deadline.end_phase()
            hop.status = response.status
            return response
        except BaseException as error:
            if response is not None:
                response.abort()
            self._per_host.give_back(target.host)
            phase = None if deadline.exceeded is Reason.TIMEOUT_TOTAL else deadline.exceeded
            hop.reason = error.reason if isinstance(error, ScrapError) else phase
            if isinstance(error, Blocked):
                summary.hops.pop()
            raise
        finally:
            hop.seconds = perf_counter() - began
            timings.dns += hop.dns
            timings.connect += hop.connect
            timings.first_byte += hop.first_byte

    async def _wait_for_head(self, response: UpstreamResponse, hop: Hop, deadline: Deadline) -> None:
        """Waits for a response's head, in a phase of its own; its seconds are added to the hop's."""
        began = perf_counter()
        deadline.begin(Reason.TIMEOUT_FIRST_BYTE, self._limits.first_byte_seconds)
        try:
            await response.head()
        finally:
            hop.first_byte += response.first_byte or perf_counter() - began

    def _close(self, response: UpstreamResponse) -> None:
        """Ends a response's connection at once, and gives the host's slot back."""
        response.abort()
        self._per_host.give_back(response.target.host)
