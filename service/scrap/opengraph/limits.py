"""How much of a page is read, how much html5lib is given, and how large the response may be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Limits of reading one page; the limit on its bytes is the fetch's. docs/json.md has what real pages need."""

    # Bytes read on after the first `</head>`, before a page whose Open Graph is there may stop. Less loses tags that a
    # stray element pushed out of the head; more reads bytes for nothing.
    after_head: int = 16 * 1024
    seconds: float = 0.5  # CPU time that html5lib may take
    tokens: int = 60_000  # tags, comments, texts and errors that it may find: 1 MiB of comments has 150,000
    elements: int = 25_000  # that it may build; each costs up to 0.8 KiB of memory while the tree lives
    nesting: int = 512  # open elements at which it stops, as browsers do: its cost grows with the depth at every tag
    properties: int = 1024  # that are read; the others are left out
    name_chars: int = 128  # characters of a property's name; a longer one is left out
    value_chars: int = 16 * 1024  # characters of a property's content; a longer one is left out
    url_chars: int = 8 * 1024  # characters of an absolute URL, and of `<base href>`; a longer one is left out
    response_bytes: int = 128 * 1024  # bytes of the JSON; the properties beyond are left out
