"""How log lines look. No I/O."""

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

import orjson

from scrap.events import Ending, RequestEnded, ended
from scrap.telemetry.fields import Fields, ending_fields, request_fields
from scrap.telemetry.sinks import Hits
from scrap.telemetry.trace import Trace


class Lines(Protocol):
    """A look of lines. Times are seconds since the epoch."""

    def request(self, event: RequestEnded, trace: Trace | None, queries: bool) -> bytes:
        """The line of a call; see `request_fields`."""
        ...

    def hits(self, hits: Hits, queries: bool) -> bytes:
        """Those of hits."""
        ...

    def record(self, now: float, fields: Fields) -> bytes:
        """Any other line."""
        ...


class JsonLines:
    """One object a line, for machines.

    The line of a hit is put together from pieces of an object, all of which are there already but for its request id:
    the time, and what hits of a page have in common, are remembered. That takes a quarter of what a dictionary does.
    """

    def request(self, event: RequestEnded, trace: Trace | None, queries: bool) -> bytes:
        """The line of a call; see `request_fields`."""
        return self.record(event.ended, request_fields(event, trace, queries=queries))

    def hits(self, hits: Hits, queries: bool) -> bytes:
        """Those of hits."""
        pieces: list[str] = []
        before: Ending | None = None
        since = until = 0.0
        for ending, request_id, seconds, at, trace in zip(*hits, strict=True):
            if ending is not before:
                before, common = ending, _common_piece(ending, queries)
            if not since <= at < until:
                millisecond = int(at * 1000)
                since, until = millisecond / 1000, (millisecond + 1) / 1000
                time = _time_piece(millisecond).decode()
            pieces += time, common, request_id
            if trace:
                pieces += '","trace_id":"', trace.trace_id, '","span_id":"', trace.span_id
            pieces.append(_seconds_piece(int(seconds * 1e6 + 0.5)))
        return "".join(pieces).encode()

    def record(self, now: float, fields: Fields) -> bytes:
        """Any other line."""
        return _time_piece(int(now * 1000)) + _last_piece(fields)


def _last_piece(fields: Fields) -> bytes:
    """What stands behind an object's opening brace, and the line's end."""
    try:
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)[1:]
    except TypeError:  # a lone surrogate, which no UTF-8 can say; JSON's escapes can
        return json.dumps(fields).encode()[1:] + b"\n"


@lru_cache(1)
def _second_piece(second: int) -> bytes:
    return f'{{"time":"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.'.encode()


@lru_cache(64)
def _time_piece(millisecond: int) -> bytes:
    second, rest = divmod(millisecond, 1000)
    return b'%b%03dZ",' % (_second_piece(second), rest)


@lru_cache(1024)
def _common_piece(ending: Ending, queries: bool) -> str:
    """What hits of a page have in common, up to the request id."""
    return _last_piece(ending_fields(ending, queries))[:-2].decode() + ',"request_id":"'


@lru_cache(1024)
def _seconds_piece(micros: int) -> str:
    return f'","seconds":{micros / 1e6:.6f}}}\n'


class TextLines:
    """A line for a person; nothing in it can steer a terminal."""

    def hits(self, hits: Hits, queries: bool) -> bytes:
        """Those of hits."""
        return b"".join([self.request(ended(hit), hit[-1], queries) for hit in zip(*hits, strict=True)])

    def request(self, event: RequestEnded, trace: Trace | None, queries: bool) -> bytes:
        """The line of a call; see `request_fields`."""
        rest = request_fields(event, trace, queries=queries)
        route, target = rest.pop("route"), rest.pop("target")
        del rest["event"], rest["target_host"]
        level, status, outcome = (rest.pop(name) for name in ("level", "status", "outcome"))
        took = f"{rest.pop('seconds') * 1000:8.1f} ms" if "seconds" in rest else " " * 11
        what = _plain(f"{rest.pop('method')} {target or route}")
        return _text(event.ended, level, f"{status} {outcome:<14} {took}  {what}", rest)

    def record(self, now: float, fields: Fields) -> bytes:
        """Any other line."""
        rest = dict(fields)
        del rest["event"]
        level = rest.pop("level")
        return _text(now, level, _plain(f"{rest.pop('logger')}: {rest.pop('message')}"), rest)


def _text(now: float, level: str, what: str, rest: Fields) -> bytes:
    time = datetime.fromtimestamp(now, UTC)
    exception = rest.pop("exception", "")
    tail = [_plain(f"{name}={value}") for name, value in rest.items()]
    first = " ".join([f"{time:%H:%M:%S}.{time.microsecond // 1000:03d}", f"{level:<7}", what, *tail])
    lines = [first, *(f"    {_plain(line)}" for line in exception.splitlines())]
    return "\n".join(lines).encode("utf-8", "backslashreplace") + b"\n"


def _plain(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
