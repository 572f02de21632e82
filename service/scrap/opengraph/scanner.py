"""The fast path: finds what html5lib would find, from one tag that matters to the next.

html5lib puts every meta into its tree in the order of the page, except in and after the elements of
`markup.DIVERGING`. Up to the first of them, tokens follow from the bytes alone, and the scanner's list is the tree's.
Beyond, it reads on as if nothing had happened, to find where to stop; if anything there could count, in whatever way
it is read, the result is a fallback reason.

Behind the head, tokens are read only up to the last `markup.APPARENT`: bytes that look like a tag that may count. A
tag that counts is one of them; it is looked for in all bytes, be they tags, text or values. So what follows the last
one cannot count, whichever tokens it has, and what comes before it is read as ever. Of 557 real pages whose head ends,
541 have none behind it, and what is behind it is half of what is read.
"""

import re
import sys
from collections.abc import Generator, Iterator
from functools import lru_cache

from scrap.opengraph import charset as charsets
from scrap.opengraph import markup
from scrap.opengraph.document import Document, FallbackReason, Meta, declared_prefixes, limited, properties
from scrap.opengraph.limits import ParseLimits
from scrap.opengraph.references import unescape
from scrap.refresh import parse_refresh

_DIVERGING = {
    name.encode(): FallbackReason.FOREIGN if name in ("svg", "math") else FallbackReason(name)
    for name in markup.DIVERGING
}

# Bytes of attributes, or of apparent tags behind a diverging one, that are read at once: 4 ms at most. html5lib has
# limits of its own, and runs in a thread.
_LONG = 16 * 1024
_REFERENCES = 1000  # in one tag; a step ends after so many
_TOKENS = 192  # that matter, in one step: the slowest, metas with references, take 20 µs each

_ASCII = "windows-1252"  # any charset that is scanned will do where only ASCII counts
Names = tuple[str, ...]
Key = Names | bytes  # as bytes, where the names depend on the charset, or take much memory
_USUAL_KEY = 64  # bytes; the names of a longer key are not remembered
_OBJECTS = 160  # bytes of memory of a tuple and two `bytes`, their contents not counted
_MAX_CHARACTER = 4  # bytes, in every charset of the Encoding Standard
_NO_CARD, _CARD = 0, 3  # bits: og:title was found; another property of og: was

# The charset declarations of most pages, in lower case.
_USUAL_CHARSETS = {
    b'charset="utf-8"': "utf-8",
    b'http-equiv="content-type" content="text/html; charset=utf-8"': "utf-8",
}


class Scanner:
    """Reads a page from bytes, as they come, in steps: each takes 4 ms at most."""

    def __init__(self, limits: ParseLimits) -> None:
        self.data = bytearray()  # what it was fed; once it is closed, nothing beyond the place to stop
        self.enough = False  # that place was reached
        self.is_behind = False  # there is a step to do that needs no more bytes
        self.has_ended = False
        self.charset: str | None = None  # unless it was set: the first that a meta declares, or what the end shows
        self.charset_source = "meta"  # unless it was set: "meta", "xml", or "content" where nothing declares it
        self.weight = 0  # bytes that count: how much work it will be to make a document of them
        self.base_size = 0  # bytes of `<base href>`
        self.held = 0  # bytes of memory beside `data`: a copy of what was found
        self._limits = limits
        self._references = 0  # in tags that were looked at
        self._at = 0  # the tokens before were read
        self._next_size = 1  # of the data, at which there is a step to do
        self._state: bytes | None = None  # that `_at` is in: a text, or a part of a long tag
        self._opening: re.Match[bytes] | None = None  # where that tag begins
        self._in_head = True
        self._stop = sys.maxsize  # where the page may be enough
        self._apparent = -1  # behind the head: the next place that may count, if it is not before `_at`
        self._ahead = 0  # there is none from `_at` up to here
        self._found: list[tuple[Key, bytes | None]] = []  # property or name, and content as written
        self._card = _NO_CARD
        self._base: bytes | None = None
        self._refresh: bytes | None = None  # the content of the first that is one, and surely in the tree
        self._diverging: FallbackReason | None = None
        self._diverging_at = 0
        self._fallback: FallbackReason | None = None
        self._ending: Iterator[None] = iter(())  # the steps that are left, once no more bytes come

    @property
    def is_useful(self) -> bool:
        """Whether og:title and another property of og: were found, or the head has ended; `<body>` ends it as well."""
        return self._card == _CARD or not self._in_head or b"<body" in self.data.lower()

    def feed(self, data: bytes = b"", is_last: bool = False) -> None:
        if not self.enough:
            self.data += data
        if is_last and not self.has_ended:
            self.has_ended, self._ending = True, self._end()
        if self.has_ended:
            self.is_behind = next(self._ending, "over") is None
        elif not self.enough and len(self.data) >= self._next_size:
            self._step()

    def close(self) -> Document | FallbackReason:
        """Returns what was found, after the last step, or why that is not known."""
        if self._fallback:
            return self._fallback
        assert self.charset  # noqa: S101 - the last steps found it
        metas, bound = limited(self._metas(self.charset), self._limits)
        base = None if self._base is None else _value(self._base, self.charset)
        refresh = None if self._found or self._refresh is None else parse_refresh(_value(self._refresh, self.charset))
        return Document(metas, base, bound=bound, refresh=refresh)

    def _end(self) -> Iterator[None]:
        if not self.enough:
            self._step()  # an incomplete tag is none, but it may hide others
            while self.is_behind:
                yield
                self._step()
        if self.enough:
            del self.data[self._stop :]
        if self.charset is None:
            self.charset, self.charset_source = charsets.in_xml_declaration(self.data), "xml"
        if self.charset is None:
            self.charset, self.charset_source = (yield from charsets.undeclared(self.data)), "content"
        if self._diverging and not self._fallback and (yield from self._may_count()):
            self._fallback = self._diverging

    def _step(self) -> None:
        seen, next_size = self._read(min(len(self.data), self._stop))
        if seen == self._stop:
            self.enough = self._card == _CARD
            if not self.enough:
                self._stop = sys.maxsize
                next_size = 0
        self._next_size = min(next_size, self._stop)
        self.is_behind = len(self.data) >= self._next_size and not self.enough

    def _read(self, limit: int) -> tuple[int, int]:
        """Reads up to a limit, or less.

        Returns:
            How far it looked, and the size of the data at which there is more to read.
        """
        end = min(limit, self._at + markup.LONGEST)
        next_token, data = markup.TOKEN.match, self.data
        references = self._references + _REFERENCES
        for _ in range(_TOKENS):
            if self._references > references:
                break
            if not self._in_head and not self._opening:
                limit = min(limit, self._stop)
                nothing = self._look_ahead(limit)
                if nothing:
                    return nothing
                end = min(end, limit)
            if self._state is not None:
                seen = self._leave_state(limit)
                if seen:
                    return seen, seen + 1
                if self._at >= end:
                    break
            token = next_token(data, self._at, end)
            assert token  # noqa: S101 - it matches always, if nothing
            self._at = token.end()
            kind = token.lastindex
            if kind is None:
                incomplete = end - self._at
                if incomplete >= markup.LONGEST:
                    self._enter_tag()
                    return end, 0
                # There may be more of it already; else it is read again when twice as much is there, to stay linear.
                return end, 0 if end < limit else min(end + (incomplete or 1), self._at + markup.LONGEST)
            if kind == markup.USUAL_META:
                self._find(token[kind - 1], token[kind])
            elif kind == markup.SPECIAL:
                self._special(token[kind - 1].lower(), token[kind])
            else:
                self._state = b"comment"
                if kind == markup.COMMENT_WITH_NUL:
                    self._diverge(FallbackReason.COMMENT)
        return self._at, 0

    def _look_ahead(self, limit: int) -> tuple[int, int] | None:
        """Finds the next place that may count; returns what `_read` does if there is none."""
        if self._apparent >= self._at:
            return None
        start = max(self._at, self._ahead)
        end = min(limit, start + markup.LONGEST)
        for number, tag in enumerate(markup.APPARENT.finditer(self.data, start, end)):
            # It is judged by so many bytes, or all of the page, lest the pieces in which they come matter.
            at = self._ahead = tag.start()
            if number == _TOKENS:
                return at, 0
            if limit < min(at + markup.LONGEST, self._stop) and not self.has_ended:
                return at, at + markup.LONGEST
            if not markup.IRRELEVANT_TAG.match(self.data, at, min(limit, at + markup.LONGEST)):
                self._apparent = at
                return None
        self._ahead = max(start, end - markup.LONGEST_NAME)
        return end, end + 1

    def _special(self, name: bytes, written: bytes) -> None:
        if name == b"meta":
            self._meta(written)
        elif name in _DIVERGING:
            self._diverge(_DIVERGING[name])
        elif name == b"/head":
            if self._in_head:
                self._in_head = False
                self._stop = self._at + self._limits.after_head
        elif name in markup.STATES:
            self._state = name
        elif self._is_costly(written):
            self._fallback = self._fallback or FallbackReason.LENGTH
        elif name == b"base":
            if self._base is None:
                self._base = markup.attributes(written).get(b"href")
                self.base_size = len(self._base or b"")
                self.weight += self.base_size
        elif _declares(markup.attributes(written)):
            self._fallback = self._fallback or FallbackReason.PREFIX

    def _enter_tag(self) -> None:
        self._opening = opening = markup.LONG_TAG.match(self.data, self._at)
        assert opening  # noqa: S101 - else it would have been text, and read
        self._state = b"bogus comment" if opening[2] else b"tag name"
        self._at = opening.end()

    def _leave_state(self, limit: int) -> int:
        """Skips text without tags, or reads on in a long tag; returns how far it looked if that may go on there."""
        end = 0
        while self._state is not None:
            first, pattern, nexts = markup.STATES[self._state]
            start = self.data.find(first, self._at, limit)
            end = end or min(limit, start + markup.LONGEST)
            found = None if start < 0 else pattern.search(self.data, start, end)
            if not found or not found.lastindex:
                seen = limit if start < 0 else end
                self._at = found.end() if found else max(self._at, seen - markup.LONGEST_END)
                return seen
            self._state, self._at = nexts[found.lastindex - 1], found.end()
            if self._state == markup.END_TAG:
                self._state, self._at = None, self._at - 1
            elif self._state is None and self._opening:
                self._leave_tag(self._opening)
        return 0

    def _leave_tag(self, opening: re.Match[bytes]) -> None:
        self._opening = None
        meta = markup.LONG_META.match(self.data, opening.start(), self._at)
        if meta and meta[1]:
            self._find(meta[1], meta[2])
        elif not meta and opening[1]:
            self._special(opening[1].lower(), bytes(self.data[opening.end() : self._at - 1]))

    def _meta(self, written: bytes) -> None:
        if self.charset is None:
            self.charset = _USUAL_CHARSETS.get(written.strip(b" /").lower())
        if self.charset and b":" not in written and b"&" not in written and b"refresh" not in written.lower():
            return  # it can name no namespace
        if self._is_costly(written):
            self._fallback = self._fallback or FallbackReason.LENGTH
            return
        attributes = markup.attributes(written)
        if self.charset is None:
            self.charset = charsets.declared(attributes)
        key = _key(attributes)
        if key:
            self._find(key, attributes.get(b"content"))
        elif self._refresh is None and not self._diverging:
            self._refresh = _refresh(attributes)
        if _declares(attributes):
            self._fallback = self._fallback or FallbackReason.PREFIX

    def _find(self, key: bytes, content: bytes | None) -> None:
        is_usual = len(key) <= _USUAL_KEY and key.isascii()
        if not is_usual and self._is_costly(key):
            self._fallback = self._fallback or FallbackReason.LENGTH
            return
        names = _usual_names(key) if is_usual else _names(key)
        if not names:
            return
        if content and len(content) > _LONG and b"&" in content:
            self._fallback = self._fallback or FallbackReason.LENGTH
        elif len(self._found) <= self._limits.properties:  # one more than is read, so that `limited` sees it
            self._found.append((names if is_usual else key, content))
            size = len(key) + len(content or b"")
            self.weight += size
            self.held += size + _OBJECTS
            if self._card != _CARD:
                for name in names:
                    self._card |= 1 if name == "og:title" else 2 * name.startswith("og:")

    def _is_costly(self, written: bytes) -> bool:
        """Counts a tag's references, 0.5 µs each, up to three times; whether the reference parser has to read it."""
        references = written.count(b"&")
        self._references += references
        return len(written) > _LONG or references > _REFERENCES or self._references > _LONG

    def _diverge(self, reason: FallbackReason) -> None:
        if reason is FallbackReason.FRAMESET:  # the only one that takes back what came before
            self._fallback = self._fallback or reason
        elif not self._diverging:
            self._diverging, self._diverging_at = reason, self._at

    def _may_count(self) -> Generator[None, None, bool]:
        """Looks for anything behind the diverging element that could count, if tags began anywhere."""
        self._at = self._ahead = self._diverging_at
        self._apparent, looked_at, seen = -1, 0, 0
        while seen < len(self.data):
            nothing = self._look_ahead(len(self.data))
            if nothing:
                seen, _ = nothing
            else:
                tag = markup.APPARENT.match(self.data, self._apparent, self._apparent + markup.LONGEST)
                assert tag  # noqa: S101 - it was found
                self._at = tag.end()
                looked_at += len(tag[0])
                name, written, closed = tag.groups()
                is_tag = closed and markup.COMPLETE.fullmatch(written) and looked_at <= _LONG
                is_tag = is_tag and not self._is_costly(written)
                if not is_tag or self._counts(name.lower(), markup.attributes(written)):
                    return True
            yield
        return False

    def _counts(self, name: bytes, attributes: dict[bytes, bytes]) -> bool:
        if name == b"base":
            return b"href" in attributes
        if not self._found and self._refresh is None and _refresh(attributes):
            return True
        return bool(_key(attributes)) or _declares(attributes)

    def _metas(self, charset: str) -> Iterator[Meta]:
        longest = _MAX_CHARACTER * (self._limits.value_chars + 1)  # bytes of a content that is too long for certain
        for key, content in self._found:
            # A reference is longer than its character, and a content with one is short.
            text = None if content is None else _value(content if b"&" in content else content[:longest], charset)
            for name in _names(key, charset) if isinstance(key, bytes) else key:
                yield name, text


def _key(attributes: dict[bytes, bytes]) -> bytes | None:
    """The attribute by which a meta counts: `property`, or else `name`."""
    for name in (b"property", b"name"):
        key = attributes.get(name)
        if key and _names(key):
            return key
    return None


def _refresh(attributes: dict[bytes, bytes]) -> bytes | None:
    content = attributes.get(b"content")
    if not content or _value(attributes.get(b"http-equiv", b"")).lower() != "refresh":
        return None
    return content if parse_refresh(_value(content)) else None


def _names(key: bytes, charset: str = _ASCII) -> Names:
    return tuple(properties(_value(key, charset)))


_usual_names = lru_cache(1024)(_names)  # of a key in ASCII that is not long


def _value(written: bytes, charset: str = _ASCII) -> str:
    """What html5lib makes of an attribute's value."""
    # As in the page, a byte of the grammar follows: there ends a character that is cut off.
    text = written.decode("ascii") if written.isascii() else charsets.decode(written + b">", charset)[:-1]
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return unescape(text) if "&" in text else text


def _declares(attributes: dict[bytes, bytes]) -> bool:
    """Returns whether a tag gives a namespace a name that is not its own."""
    declaring = [name for name in attributes if name == b"prefix" or name.startswith(b"xmlns:")]
    return bool(declared_prefixes({name.decode("latin-1"): _value(attributes[name]) for name in declaring}))
