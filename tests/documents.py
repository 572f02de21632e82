"""Code blocks of the documents, for the tests that run them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def block(document: str, language: str) -> str:
    """The only code block of a language in a document."""
    (code,) = _blocks(document, language)
    return code


def commands(document: str) -> list[tuple[str, str]]:
    """Every command of the console blocks of a document, with the output below it, in order."""
    found = []
    for code in _blocks(document, "console"):
        for example in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
            command, _, output = example.partition("\n")
            found.append((command, output))
    return found


def _blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
