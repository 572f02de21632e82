"""How much of a page is read, how much html5lib is given, and how large the response may be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Limits of reading one page; the limit on its bytes is the fetch's.

    Attributes:
        after_head: bytes read on after the first `</head>`, before a page whose Open Graph is there may stop.
            Less loses tags that a stray element pushed out of the head; more reads bytes for nothing.
        seconds: CPU time that html5lib may take. Of 579 real pages, the two that need html5lib take 0.04 and 0.08 s;
            the heaviest of the others, of 1 MiB, would take 0.4 to 0.7 s.
        tokens: tags, comments, texts and errors that html5lib may find; 1 MiB of comments has 150,000, which cost time
            without building anything. The largest of 579 real pages has 42,967.
        elements: elements that html5lib may build; each costs up to 0.8 KiB of memory while the tree lives. The largest
            of 579 real pages has 13,075.
        nesting: open elements at which html5lib stops. Its cost grows with the depth at every tag; browsers
            stop at 512, and the deepest of 579 real pages has 58.
        properties: properties that are read; the others are left out. The most of 579 real pages is 284.
        name_chars: characters of a property's name; a longer one is left out. The longest of 579 real pages has 34.
        value_chars: characters of a property's content; a longer one is left out. The longest of 579 real pages has
            4,303.
        url_chars: characters of an absolute URL, and of `<base href>`; a longer one is left out. As many as the URL
            of a page may have; the longest of 579 real pages has 752.
        response_bytes: bytes of the JSON; the properties beyond are left out. The largest of 579 real pages takes
            15,988.
    """

    after_head: int = 16 * 1024
    seconds: float = 0.5
    tokens: int = 60_000
    elements: int = 25_000
    nesting: int = 512
    properties: int = 1024
    name_chars: int = 128
    value_chars: int = 16 * 1024
    url_chars: int = 8 * 1024
    response_bytes: int = 128 * 1024
