"""A page's content: decoded, counted, ended at the limit, and fed to its parser as it arrives."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from itertools import chain
from time import perf_counter, time

from scrap import urls
from scrap.errors import DeadlineExceeded, Reason, ScrapError, UpstreamError
from scrap.events import Content, FetchEnded
from scrap.fetch import media
from scrap.fetch.coding import ContentDecoder
from scrap.fetch.cookies import Jar
from scrap.fetch.deadline import Deadline
from scrap.fetch.limits import FetchLimits
from scrap.fetch.per_host_limit import PerHostLimit
from scrap.fetch.redirects import refreshed
from scrap.fetch.response import UpstreamResponse
from scrap.refresh import Refresh
from scrap.turns import Turns
from scrap.urls import Target


class Wants(Enum):
    """What the consumer of a page's content wants."""

    MORE = auto()  # the next piece
    TURN = auto()  # to be called again when it is its turn, with b""
    NOTHING = auto()  # it has enough


Feed = Callable[[bytes], Wants]


@dataclass(slots=True)
class Navigation:
    """What the hops of one fetch have in common."""

    summary: FetchEnded
    deadline: Deadline
    jar: Jar
    seen: set[tuple[str, bytes]] = field(default_factory=set)  # the requests: URL and Cookie header


class FetchedPage:
    """A response with a 2xx status: its head is here, its content is read as far as it is needed.

    A context manager: at its end the connection ends at once.
    """

    def __init__(
        self, response: UpstreamResponse, slots: PerHostLimit, limits: FetchLimits, turns: Turns, navigation: Navigation
    ) -> None:
        header = media.read(response.fields.get(b"content-type", ()))
        self.target = response.target  # where it was found, after all redirects
        self.fields = response.fields
        self.delay = response.first_byte  # seconds from its request to its head, redirects before it not counted
        self.is_html = bool(header.is_html)  # other content is not to be read
        # Its beginning says what it is: see `look`.
        self.is_unknown = header.is_html is None and not media.forbids_sniffing(response.fields)
        self.charset = header.charset  # the label in Content-Type
        self.truncated = False  # there was more than was read: the limit was reached, or it ended early
        self.failure: Callable[[], ScrapError] | None = None  # makes the error of a page that ended early
        self.navigation = navigation
        self._response = response
        self._slots = slots
        self._turns = turns
        encoding = b", ".join(response.fields.get(b"content-encoding", ())).decode("latin-1")
        self._decoder = ContentDecoder(encoding, limits) if encoding else None
        self._content = self._decoded(limits.decoded_bytes)
        self._decoded_bytes = 0
        self._feed: Feed | None = None  # while it is being read
        self._done: asyncio.Future[None] | None = None
        self._is_behind = False  # the consumer wants a turn
        self._asked = 0.0  # when it began to wait for a turn; 0.0 while it does not
        self._seconds = 0.0  # of waiting for content and decoding it

    def __enter__(self) -> "FetchedPage":
        return self

    def __exit__(self, *_: object) -> None:
        response, summary = self._response, self.navigation.summary
        self._content = iter(())  # the other one holds us
        response.abort()
        self._slots.give_back(self.target.host)
        summary.timings.body += self._seconds
        summary.content = Content(response.body_bytes, self._decoded_bytes, self._seconds, self.truncated, time())

    @property
    def held(self) -> int:
        """Bytes of memory that its decoders hold."""
        return self._decoder.held if self._decoder is not None else 0

    def refreshed(self, declared: Refresh | None, base: str | None) -> Target | None:
        """Where it leads at once by a refresh, for `Fetcher.follow`; for the arguments see `redirects.refreshed`."""
        header = b", ".join(self.fields.get(b"refresh", ()))
        target = refreshed(urls.decode(header), declared, self.target, base)
        if target:
            self.navigation.jar.keep(self.target, self.fields)
        return target

    async def look(self) -> None:
        """Finds out whether a page whose header does not say so is HTML, from its beginning, which is fed again.

        Raises: what `read` raises, and `failure` where what was read is not HTML.
        """
        beginning: list[bytes] = []

        def collect(piece: bytes) -> Wants:
            beginning.append(piece)
            return Wants.MORE if sum(map(len, beginning)) < media.SNIFFED_BYTES else Wants.NOTHING

        await self.read(collect)
        self._content = chain(beginning, self._content)
        self.is_html = media.sniff(b"".join(beginning)[: media.SNIFFED_BYTES])
        if not self.is_html and self.failure:
            raise self.failure()

    async def read(self, feed: Feed) -> None:
        """Feeds its decoded content, piece by piece as it arrives.

        It ends with the content, early or not, or when `feed` wants nothing more. `feed` is called when it is its turn,
        and its seconds count as parsing. Raises what `feed` raises, UpstreamError (PROTOCOL_ERROR: the framing is
        broken) and Overloaded (EXHAUSTED).
        """
        timings = self.navigation.summary.timings
        started, before = perf_counter(), timings.wait + timings.parse
        self._feed = feed
        self._done = asyncio.get_running_loop().create_future()
        self._response.on_data = self._pump
        self.navigation.deadline.stop = self._stop
        try:
            self._pump()
            await self._done
        except BaseException:
            self._content = iter(())  # likewise
            raise
        finally:
            self._feed = self._done = self._response.on_data = self.navigation.deadline.stop = None
            ended = perf_counter()
            if self._asked:  # it ended before its turn, which comes to nothing
                timings.wait += ended - self._asked
                self._asked = 0.0
            self._seconds += ended - started - (timings.wait + timings.parse - before)

    def _pump(self, *, is_turn: bool = False) -> None:
        """Feeds what is here, as long as it is its turn."""
        try:
            while self._feed is not None and not self._asked:
                if not (is_turn or self._turns.is_free):
                    self._asked = perf_counter()
                    self._turns.call_soon(self._on_turn)
                    return
                is_turn = False
                if not self._step(self._feed):
                    return
        except Exception as error:  # noqa: BLE001 - it is the reading task's
            self._finish(error)

    def _step(self, feed: Feed) -> bool:
        """Decodes a piece and feeds it; False where there is none, or none yet."""
        started = perf_counter()
        try:
            piece = b"" if self._is_behind else next(self._content)
        except StopIteration:
            piece = None
            self._finish()
        decoded = perf_counter()
        if not (piece or self._is_behind):
            if self._decoder is not None:
                self._turns.spend(decoded - started)
            return piece is not None  # a step that gave nothing
        try:
            wants = feed(piece or b"")
        finally:
            ended = perf_counter()
            self.navigation.summary.timings.parse += ended - decoded
            self._turns.spend(ended - started)
        self._is_behind = wants is Wants.TURN
        if wants is Wants.NOTHING:
            self._finish()
        return True

    def _on_turn(self) -> None:
        if self._feed is not None and self._asked:
            self.navigation.summary.timings.wait += perf_counter() - self._asked
            self._asked = 0.0
            self._pump(is_turn=True)

    def _finish(self, error: Exception | None = None) -> None:
        self._feed = None
        if self._done and not self._done.done():
            self._done.set_exception(error) if error else self._done.set_result(None)

    def _decoded(self, limit: int) -> Iterator[bytes | None]:
        """Yields its content up to the limit; None where more may come, b"" where a step gives nothing."""
        response, decoder = self._response, self._decoder
        while (data := response.take()) != b"":
            if data is None:
                piece = kept = b""  # while it waits, no piece is kept
                yield None
                continue
            try:
                for piece in decoder.feed(data) if decoder else (data,):
                    kept = piece[: limit - self._decoded_bytes]
                    self._decoded_bytes += len(kept)
                    self.truncated = len(kept) < len(piece)
                    yield kept
                    if self.truncated:
                        return
            except UpstreamError as error:
                self._fail(UpstreamError, error.reason, error.internal)
                return
            if decoder and decoder.overflowed:
                self.truncated = True
                return
        self.truncated = response.cut
        if response.broken:
            self._fail(UpstreamError, Reason.PROTOCOL_ERROR, "the connection ended early")
        elif decoder and response.body_bytes and not decoder.finished:
            self._fail(UpstreamError, Reason.BODY_UNREADABLE, "the coded stream ended early")

    def _fail(self, kind: type[ScrapError], reason: Reason, internal: str = "") -> None:
        """Ends the content early."""
        self.truncated = True
        self.failure = partial(kind, reason, internal)

    def _stop(self) -> None:
        self._fail(DeadlineExceeded, Reason.TIMEOUT_TOTAL)
        self._content = iter(())
        self._finish()
