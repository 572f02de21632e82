"""The express lane: finds what html5lib would find, by jumping from one tag that matters to the next.

html5lib puts every meta into its tree in the order of the page, except in and after the elements of
`markup.DOUBTFUL`; and until the first of them, tokens follow from the bytes alone. So up to there, the scanner's list
is the tree's. Beyond, it reads on as if nothing had happened, to know where to stop; and if anything there could
count, in whatever way it is read, it says that it is not sure.
"""

import sys
from collections.abc import Callable, Generator, Iterator

from scrap.opengraph import charset as charsets
from scrap.opengraph import markup
from scrap.opengraph.charset import Charset
from scrap.opengraph.document import Document, FallbackReason, Metas, declared_prefixes, properties
from scrap.opengraph.limits import ParseLimits
from scrap.opengraph.references import unescape

_DOUBTS = {
    b"svg": FallbackReason.FOREIGN,
    b"math": FallbackReason.FOREIGN,
    b"select": FallbackReason.SELECT,
    b"table": FallbackReason.TABLE,
    b"template": FallbackReason.TEMPLATE,
    b"frameset": FallbackReason.FRAMESET,
    b"plaintext": FallbackReason.PLAINTEXT,
}


# Bytes of attributes, or of the tags behind a doubt, that are read at once: some 4 ms at the worst. html5lib has bounds
# of its own, and works elsewhere.
_LONG = 16 * 1024
_DONE = object()
_SIGHT = 32 * 1024
_TOKENS = 192  # that matter, in one step: the dearest, metas with references, take 20 µs each

_OBJECTS = 160  # bytes of memory of a tuple and two `bytes`, their contents not counted
_MAX_CHARACTER = 4  # bytes, in every charset of the Encoding Standard

# The names that nearly all metas have, as they are written and as they are meant.
_USUAL = {
    name.encode(): (name,)
    for name in (
        *("og:title", "og:type", "og:url", "og:description", "og:site_name", "og:locale", "og:locale:alternate"),
        *("og:image", "og:image:url", "og:image:secure_url", "og:image:type", "og:image:width", "og:image:height"),
        *("og:image:alt", "og:video", "og:video:url", "og:video:secure_url", "og:video:type", "og:video:width"),
        *("og:video:height", "og:video:tag", "og:updated_time", "article:published_time", "article:modified_time"),
        *("article:author", "article:section", "article:tag", "article:publisher"),
    )
}


class Scanner:
    """Reads a page from bytes, as they come, in steps: each reads up to 24 KiB and takes a few ms at the worst.

    Args:
        charset: the page's, where it is known; else the first that a meta declares is taken.
        limits: how much to read, and of what size.

    Attributes:
        data: what it was fed; once it is closed, nothing beyond the place to stop.
        enough: whether that place was reached.
        is_behind: whether there is a step to do that needs no more bytes.
        charset: the page's charset, as far as it is known; once it is closed, it is.
        weight: bytes that count: how much work it will be to say what they mean.
    """

    def __init__(self, charset: Charset | None, limits: ParseLimits) -> None:
        self.data = bytearray()
        self.enough = False
        self.is_behind = False
        self.charset = charset
        self.weight = 0
        self._limits = limits
        self._longest = _MAX_CHARACTER * (limits.value_chars + 1)  # bytes of a content that certainly is too long
        self._at = 0  # what is before was read
        self._retry = 1  # the length at which there is something to read
        self._seen = 0
        self._sought = 0
        self._candidate = -1
        self._next = 1  # that, or the place to stop, if it comes first
        self._text: bytes | None = None  # the text that we are in
        self._tag: bytes | None = None  # the state in a long tag that we are in
        self._tag_at = 0  # where that tag begins
        self._in_head = True
        self._stop = sys.maxsize  # where to ask whether that is enough
        self._found: list[tuple[bytes, bytes | None]] = []  # property or name, and content, as written
        self._has_title = False
        self._has_more = False  # another property of og:
        self._judged = 0  # so many of what was found were looked at for that
        self._base: bytes | None = None
        self._doubt: FallbackReason | None = None
        self._doubt_at = 0
        self._unsure: FallbackReason | None = None
        self._ending: Iterator[None] | None = None  # the steps that are left, once no more comes

    @property
    def held(self) -> int:
        """Bytes of memory that it holds: the page, and a copy of what was found."""
        return len(self.data) + self.weight + _OBJECTS * len(self._found)

    def feed(self, data: bytes) -> bool:
        """Takes the next bytes and does a step; returns whether enough was read."""
        if not self.enough:
            self.data += data
            # An incomplete tag is read again from its beginning: only when twice as much is there, to stay linear.
            if len(self.data) >= self._next:
                self._step()
        return self.enough

    def advance(self) -> bool:
        """Does a step; returns whether enough was read."""
        if self._ending is None:
            self._step()
        else:
            self.is_behind = next(self._ending, _DONE) is not _DONE
        return self.enough

    def end(self) -> None:
        """Says that no more comes, and does a step of what is left to do."""
        self._ending = self._end()
        self.is_behind = True
        self.advance()

    def close(self) -> Document | FallbackReason:
        """Says what was found, after the last step."""
        assert self.charset  # noqa: S101 - the last steps found it
        return self._unsure or self._document(self.charset.decode)

    def _end(self) -> Iterator[None]:
        if not self.enough:
            self._step()  # an incomplete tag is none, but it may hide others
            while self.is_behind:
                yield
                self._step()
        if self.enough:
            del self.data[self._stop :]
        if self.charset is None:
            self.charset = yield from charsets.undeclared(self.data)
        if self._doubt and not self._unsure and (yield from self._may_follow(self._doubt_at)):
            self._unsure = self._doubt

    def _step(self) -> None:
        end = self._read(min(len(self.data), self._stop))
        self._judge()
        if end == self._stop:
            if self._has_title and self._has_more:
                self.enough = True
            else:
                self._stop = sys.maxsize
                self._retry = 0
        self._next = self._retry if self._retry < self._stop else self._stop
        self.is_behind = len(self.data) >= self._next and not self.enough

    def _read(self, limit: int) -> int:
        """Reads up to there, or less; returns how far it looked."""
        if not self._in_head and not self._tag and not self._is_in_sight(limit):
            return self._seen
        end = min(limit, self._at + markup.LONGEST)
        if self._tag:
            if not self._leave_tag(end):
                return end
            end = min(end, self._stop)
        next_token, data = markup.TOKEN.match, self.data
        for _ in range(_TOKENS):
            if self._text is not None and not self._leave_text(end):
                self._retry = end + 1
                return end
            token = next_token(data, self._at, end)
            assert token  # noqa: S101 - it matches always, if nothing
            self._at = token.end()
            kind = token.lastindex
            if kind is None:
                incomplete = end - self._at
                if incomplete >= markup.LONGEST:
                    self._enter_tag()
                else:
                    self._retry = min(end + (incomplete or 1), self._at + markup.LONGEST)
                return end
            if kind <= markup.USUAL_META:
                key, content = token.group(kind - 1, kind)
                if kind == markup.KNOWN_META or key in _USUAL or markup.names_known(key):
                    self._find(key, content)
            elif kind == markup.META:
                self._meta(token[markup.META])
            elif kind == markup.RAW:
                self._text = token[markup.RAW].lower()
            elif kind == markup.COMMENT:
                self._text = b"comment"
            elif kind == markup.END_OF_HEAD:
                self._end_head()
                limit = min(limit, self._stop)
                if not self._is_in_sight(limit):
                    return self._seen
                end = min(end, limit)
            elif kind == markup.DECLARATION:
                self._declaration(token[markup.DECLARATION - 1].lower(), token[markup.DECLARATION])
            elif kind == markup.DOUBT:
                self._wonder(_DOUBTS[token[markup.DOUBT].lower()])
            else:  # a comment that begins with NUL
                self._wonder(FallbackReason.COMMENT)
                self._text = b"comment"
        self._retry = 0
        return self._at

    def _is_in_sight(self, limit: int) -> bool:
        start = max(self._at, self._sought)
        if self._candidate < self._at:
            self._seen = min(limit, start + _SIGHT)
            found = markup.APPARENT.search(self.data, start, self._seen)
            if not found:
                self._sought = self._seen - 9
                self._retry = self._seen + 1
                return False
            self._candidate = found.start()
        return True

    def _end_head(self) -> None:
        if self._in_head:
            self._in_head = False
            self._stop = self._at + self._limits.after_head

    def _enter_tag(self) -> None:
        opening = markup.LONG_TAG.match(self.data, self._at)
        assert opening  # noqa: S101 - else it would have been text, and read
        self._tag_at = self._at
        self._tag = b"bogus comment" if opening[2] else b"tag name"
        self._at = opening.end()
        self._retry = 0

    def _leave_tag(self, end: int) -> bool:
        while self._tag is not None:
            pattern, nexts = markup.TAG_STATES[self._tag]
            found = pattern.match(self.data, self._at, end)
            assert found  # noqa: S101 - it matches always, if nothing
            self._at = found.end()
            if found.lastindex is None:
                self._retry = end + 1
                return False
            self._tag = nexts[found.lastindex - 1]
        self._retry = 0
        self._long_tag()
        return True

    def _long_tag(self) -> None:
        """Reads a long tag that has ended, as `_read` does the others."""
        opening = markup.LONG_TAG.match(self.data, self._tag_at)
        name = opening and opening[1]
        if not opening or not name:
            return
        name = name.lower()
        if name == b"meta":
            self._long_meta(opening.end())
        elif name == b"/head":
            self._end_head()
        elif name in _DOUBTS:
            self._wonder(_DOUBTS[name])
        elif name.decode() in markup.DECLARING:
            self._unsure = self._unsure or FallbackReason.LENGTH
        else:
            self._text = name

    def _long_meta(self, start: int) -> None:
        known = markup.LONG_META.match(self.data, self._tag_at, self._at)
        if not known:
            self._meta(bytes(self.data[start : self._at - 1]))
        elif known[1] is not None and markup.names_known(known[1]):
            self._find(known[1], known[2])

    def _leave_text(self, end: int) -> bool:
        while self._text is not None:
            first, pattern, nexts = markup.TEXTS[self._text]
            start = self.data.find(first, self._at, end)
            found = None if start < 0 else pattern.search(self.data, start, end)
            if not found:
                self._at = max(self._at, end - markup.LONGEST_END)
                return False
            self._text, offset = nexts[(found.lastindex or 1) - 1]
            self._at = found.end() + offset
        return True

    def _meta(self, written: bytes) -> None:
        if self.charset and b":" not in written and b"&" not in written:
            return  # it can name no namespace
        if len(written) > _LONG:
            self._unsure = self._unsure or FallbackReason.LENGTH
            return
        if written.strip(b" /").lower() == b'charset="utf-8"':  # as most pages have it
            self.charset = self.charset or charsets.UTF_8
            return
        attributes = markup.attributes(written)
        if self.charset is None:
            self.charset = charsets.declared(attributes)
        key = _key(attributes)
        if key:
            self._find(key, attributes.get(b"content"))
        if markup.may_rename(written) and _renames(attributes):
            self._unsure = self._unsure or FallbackReason.PREFIX

    def _find(self, key: bytes, content: bytes | None) -> None:
        if len(key) > _LONG or (content and len(content) > _LONG and b"&" in content):
            self._unsure = self._unsure or FallbackReason.LENGTH
        elif len(self._found) <= self._limits.properties:  # one more than is read, so that `Metas` sees it
            self._found.append((key, content and content[: self._longest]))
            self.weight += len(key) + len(content or b"")

    def _declaration(self, name: bytes, written: bytes) -> None:
        if len(written) > _LONG:
            self._unsure = self._unsure or FallbackReason.LENGTH
        elif name == b"base":
            if self._base is None:
                self._base = markup.attributes(written).get(b"href")
                self.weight += len(self._base or b"")
        elif written and markup.may_rename(written) and _renames(markup.attributes(written)):
            self._unsure = self._unsure or FallbackReason.PREFIX

    def _wonder(self, why: FallbackReason) -> None:
        if why is FallbackReason.FRAMESET:  # the only one that takes back what came before
            self._unsure = self._unsure or why
        elif not self._doubt:
            self._doubt, self._doubt_at = why, self._at

    def _may_follow(self, start: int) -> Generator[None, None, bool]:
        """Says whether anything from there on could count, if tags began anywhere."""
        looked_at = 0
        while True:
            end = start + markup.LONGEST
            for tag in markup.ANYWHERE.finditer(self.data, start, end):
                if tag.end() == end and tag.start() > start:  # there may be more of it
                    start = tag.start()
                    break
                name, written, closed = tag.groups()
                looked_at += len(tag[0])
                if not closed or not markup.is_complete(written) or looked_at > _LONG:
                    return True
                attributes = markup.attributes(written)
                if b"href" in attributes if name.lower() == b"base" else _key(attributes) or _renames(attributes):
                    return True
            else:
                if end >= len(self.data):
                    return False
                start = end - len("<base")
            yield

    def _judge(self) -> None:
        """The stop rule: were og:title and another og: property seen?"""
        while self._judged < len(self._found) and not (self._has_title and self._has_more):
            key, _ = self._found[self._judged]
            for name in _USUAL.get(key) or properties(_value(key, _latin_1)):
                if name == "og:title":
                    self._has_title = True
                elif name.startswith("og:"):
                    self._has_more = True
            self._judged += 1

    def _document(self, decode: Callable[[bytes], str]) -> Document:
        metas = Metas(self._limits)
        for key, content in self._found:
            text = None if content is None else _value(content, decode)
            metas.add(_USUAL.get(key) or properties(_value(key, decode)), text)
        base = None if self._base is None else _value(self._base, decode)
        return Document(metas.found, base, bound=metas.bound)


def _key(attributes: dict[bytes, bytes]) -> bytes | None:
    """The attribute by which a meta counts: `property`, or else `name`."""
    for name in (b"property", b"name"):
        key = attributes.get(name)
        if key and _counts(key):
            return key
    return None


def _counts(key: bytes) -> bool:
    if b"&" in key:
        return bool(properties(_value(key, _latin_1)))
    return markup.names_known(key)


def _latin_1(data: bytes) -> str:
    return data.decode("latin-1")


def _value(written: bytes, decode: Callable[[bytes], str]) -> str:
    """What html5lib makes of an attribute's value."""
    # As in the page, bytes of the grammar follow: there ends a character that is cut off (gb18030 wants to see three).
    text = written.decode("ascii") if written.isascii() else decode(written + b">>>")[:-3]
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    return unescape(text) if "&" in text else text


def _renames(attributes: dict[bytes, bytes]) -> bool:
    """Says whether a tag gives a namespace a name that is not its own."""
    if b"prefix" not in attributes and not any(name.startswith(b"xmlns:") for name in attributes):
        return False
    return bool(declared_prefixes({_latin_1(name): _value(value, _latin_1) for name, value in attributes.items()}))
