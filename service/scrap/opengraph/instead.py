"""What a page without Open Graph has in its place. It fills no field: this is for the page's owner to see.

It is looked for among bytes that look like tags, not in html5lib's tree: what a comment contains is found as well.
"""

import re
from itertools import islice
from typing import Any

from scrap.opengraph import markup
from scrap.opengraph.charset import decode
from scrap.opengraph.references import unescape

# Limits, so that it takes 4 ms at most.
_READ = 256 * 1024  # bytes that are looked at
_TAGS = 500
_ATTRIBUTES = 16 * 1024  # bytes of all attributes
_SCRIPTS, _SCRIPT = 4, 16 * 1024  # of JSON-LD, and bytes of each
_PAIRS = 20
_TEXT = 1000  # characters of each text

_TAG = re.compile(rb"<(?=[tTmMsS])(title|meta|script)(?=[\s/>])([^<>]*+)>", re.IGNORECASE)
_JSON_LD = re.compile(rb"type\s*=[\s'\"]*application/ld\+json", re.IGNORECASE)
_MEMBER = re.compile(rb'"(@type|headline|name)"[ \t\r\n]*+:[ \t\r\n]*+"([^"\\<]{1,200})"')


def instead_of(data: bytes | bytearray, charset: str) -> dict[str, Any]:
    """What there is of `title`, and as pairs `twitter` (its card) and `json_ld` (`@type`, `headline`, `name`)."""

    def text(written: bytes | bytearray) -> str:
        return unescape(decode(written[: 4 * _TEXT] + b">", charset)[:-1]).strip()[:_TEXT]

    title = None
    twitter: list[tuple[str, str]] = []
    scripts: list[bytes | bytearray] = []
    left = _ATTRIBUTES
    for tag in islice(_TAG.finditer(data, 0, _READ), _TAGS):
        name, written = tag[1].lower(), tag[2]
        left -= len(written)
        if name == b"title" and title is None:
            title = text(data[tag.end() : tag.end() + 4 * _TEXT].partition(b"<")[0])
        elif left >= 0 and name == b"meta":
            attributes = markup.attributes(written)
            key = text(attributes.get(b"name") or attributes.get(b"property", b"")).lower()
            if key.startswith("twitter:"):
                twitter.append((key, text(attributes.get(b"content", b""))))
        elif left >= 0 and len(scripts) < _SCRIPTS and _JSON_LD.search(written):
            scripts.append(data[tag.end() : tag.end() + _SCRIPT].partition(b"</script")[0])
    members = (member for script in scripts for member in _MEMBER.findall(script))
    json_ld = [(name.decode(), text(value)) for name, value in islice(members, _PAIRS)]
    found = {"title": title, "twitter": twitter[:_PAIRS], "json_ld": json_ld}
    return {name: value for name, value in found.items() if value}
