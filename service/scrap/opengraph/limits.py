"""How much of a page is read, and how much html5lib is given."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of reading one page; the cap on its bytes is the fetch's.

    Attributes:
        after_head: bytes read on after the first `</head>`, before a page whose Open Graph is there may stop.
            Less loses tags that a stray element pushed out of the head; more reads bytes that say nothing.
        seconds: CPU time that html5lib may take. Of 579 real pages, the two that need html5lib take 0.04 and 0.08 s;
            the heaviest of the others, of 1 MiB, would take 0.4 to 0.7 s.
        tokens: tags, comments, texts and errors that html5lib may find; 1 MiB of comments has 150,000, which cost time
            without building anything. The largest of 579 real pages has 42,967.
        elements: elements that html5lib may build; each costs up to 0.8 KiB of memory while the tree lives. The largest
            of 579 real pages has 13,075.
        nesting: open elements at which html5lib stops. Its cost grows with the depth at every tag; browsers
            stop at 512, and the deepest of 579 real pages has 58.
    """

    after_head: int = 16 * 1024
    seconds: float = 0.5
    tokens: int = 60_000
    elements: int = 25_000
    nesting: int = 512
