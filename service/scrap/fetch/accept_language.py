"""Accept-Language in one spelling, so that equal preferences are one request to a page's host and one cache key."""

import re
from typing import Final

RANGES: Final = 3  # of a client's; more make more keys, and more of a browser than is needed known to hosts
_LENGTH: Final = 256  # characters of a client's; browsers send fewer than 100
_TAG_LENGTH: Final = 35  # characters of a language tag (RFC 5646, section 4.4.1)
# A language range with its weight (RFC 9110, sections 12.4.2 and 12.5.4; RFC 4647, section 2.1).
_RANGE: Final = re.compile(
    r"[ \t]*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)(?:[ \t]*;[ \t]*[Qq]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?[ \t]*"
)


def normalized(text: str) -> str:
    """A client's Accept-Language by rank, the three it likes best, weighed 1, 0.9 and 0.8; "" where it names none.

    What is no range is ignored, and so are `*`, which prefers no language to another, and a range of weight 0.
    """
    weights: dict[str, float] = {}
    if len(text) <= _LENGTH:
        for item in text.split(","):
            found = _RANGE.fullmatch(item)
            if found and len(found[1]) <= _TAG_LENGTH and (weight := float(found[2] or 1)):
                weights.setdefault(_spelled(found[1]), weight)
    ranked = sorted(weights, key=lambda tag: -weights[tag])[:RANGES]
    return ",".join(f"{tag};q=0.{10 - rank}" if rank else tag for rank, tag in enumerate(ranked))


def _spelled(tag: str) -> str:
    """A tag in the usual case: zh-Hant-TW (RFC 5646, section 2.1.1)."""
    subtags = tag.lower().split("-")
    for at, subtag in enumerate(subtags[1:], 1):
        if len(subtags[at - 1]) == 1:
            break  # an extension, or private
        if len(subtag) in {2, 4}:
            subtags[at] = subtag.upper() if len(subtag) == 2 else subtag.title()
    return "-".join(subtags)
