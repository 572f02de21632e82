"""What holds of every regular expression in the service."""

import re
from pathlib import Path

import scrap

# Python 3.11.0 to 3.11.4 read a possessive group wrongly where its inside can be matched in several ways (gh-106052).
# One that begins a string is opengraph/markup.py's `_DONE`, which asks for the version.
POSSESSIVE_GROUP = re.compile(r"""(?<!")\)(?:[*+?]|\{[\d,]+\})\+""")


def test_no_group_is_possessive() -> None:
    assert POSSESSIVE_GROUP.search("(?:a|ab)*+")
    for path in Path(scrap.__file__).parent.rglob("*.py"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert not POSSESSIVE_GROUP.search(line), f"{path.name}:{number}: write (?>(?:…)*)"
