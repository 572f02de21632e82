"""How log lines look. No I/O."""

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Protocol

import orjson

from scrap.events import Ending, RequestEnded
from scrap.telemetry.fields import Fields, ending_fields, own_fields, request_fields
from scrap.telemetry.sinks import Ended
from scrap.telemetry.trace import Trace

_MEMORABLE: Final = 512  # characters: what is remembered of targets is bounded, and few links are longer


class Lines(Protocol):
    """A look of lines. Times are seconds since the epoch."""

    def requests(self, ended: Ended, queries: bool) -> list[bytes]:
        """The lines of calls; see `request_fields`."""
        ...

    def record(self, now: float, fields: Fields) -> bytes:
        """Any other line."""
        ...


class JsonLines:
    """One object a line, for machines.

    The line of a call is put together from pieces of an object, of which only the last is new: the time, and what
    calls have in common that ended alike, are remembered. All fields through one dictionary take twice as long; the
    last piece of a call of which there is no more to tell needs none.
    """

    def requests(self, ended: Ended, queries: bool) -> list[bytes]:
        """The lines of calls; see `request_fields`."""
        lines: list[bytes] = []
        before: Ending | None = None
        then = -1
        for event, trace in zip(*ended, strict=True):
            ending = event.ending
            if ending is not before:
                before = ending
                common = (_remembered if len(ending.target) <= _MEMORABLE else _alike)(ending, queries)
            now = int(event.ended * 1000)
            if now != then:
                then = now
                time = _time_piece(now)
            if event.detail is None and event.seconds is not None:
                own = event.request_id.encode(), event.seconds
                traced = f',"trace_id":"{trace.trace_id}","span_id":"{trace.span_id}"'.encode() if trace else b""
                lines.append(b'%b%b"request_id":"%b","seconds":%.6f%b}\n' % (time, common, *own, traced))
            else:
                lines.append(time + common + _last_piece(own_fields(event, trace, queries)))
        return lines

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


def _alike(ending: Ending, queries: bool) -> bytes:
    """What stands between an object's braces, when more comes."""
    return _last_piece(ending_fields(ending, queries))[:-2] + b","


_remembered = lru_cache(1024)(_alike)


class TextLines:
    """A line for a person; nothing in it can steer a terminal."""

    def requests(self, ended: Ended, queries: bool) -> list[bytes]:
        """The lines of calls; see `request_fields`."""
        return [self._request(event, trace, queries) for event, trace in zip(*ended, strict=True)]

    def _request(self, event: RequestEnded, trace: Trace | None, queries: bool) -> bytes:
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
