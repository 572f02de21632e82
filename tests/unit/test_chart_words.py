"""Public texts use the standard terms of the field: no coined word comes back.

A folder joins by a glob in `PATHS`, a word by a line in `COINED`.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Globs from the root of the repository.
PATHS = (
    "charts/scrap/**/*",
    "docs/dashboards.md",
    "docs/faults.md",
    "docs/runbooks/*.md",
    "docs/slack.md",
    "k8s/*",
    "scripts/alert_test.py",
    "scripts/dashboards/*.py",
)

# By the standard term, the coined words in its place: regular expressions of whole words, in either case.
COINED = {
    "admit": "let(s|ting)? in",
    "batch": "gatherings?",
    "client": "callers?|who(ever)? calls",
    "component": "crafts?",
    "conflicting scalers": "rivals?",
    "counter": "tally|tallies",
    "CRD": "(the|a|its|[a-z]+'s) definitions?",
    "error kind": "troubles?",
    "executor": "aside",
    "fallback": "doubts?|unsure|wonders?",
    "fast path": "express( lane)?",
    "fix": "mend(s|ed|ing)?",
    "load shedder": "doors?",
    "memory budget": "purses?",
    "notify, receive or log": "tells?|told|hears?|heard|heardSince",
    "pending direction": "lean(s|t|ing)?",
    "per-host limits": "manners",
    "queue": "rooms?",
    "rate limiter": "pace",
    "reference parser": "the law",
    "reject": "turn(s|ed|ing)? (\\w+ )?away",
    "request summary": "endings?",
    "requested change": "wish(es|ed)?",
    "saturated": "strained|fullest pod|how full|full house",
    "select": "NOT TAKEN|takes our",
    "service": "house",
    "severity": "grades?|graded|grading|grave(r|st|ly)?",
    "since installation": "since ever",
    "slot": "places|a place",
    "warm-up": "settl(e|es|ed|ing)",
}


@dataclass(frozen=True)
class Exempt:
    """Text in which a coined word may stay.

    Attributes:
        paths: what `Path.match` takes.
        text: a regular expression of the text, `^` and `$` being those of a line.
        reason: why.
    """

    paths: str
    text: str
    reason: str


EXEMPT = (
    Exempt("*", r"""["`\\]caller[\\"`]|caller: an error of the""", "a value of the stable label `fault`"),
    Exempt("alertscalers.yaml", r"\bsettle(?=:$| must)|self\.settle\b|: \.settle$", "a field of the CRD"),
    Exempt("alertscalers.yaml", r"\bleaning:$", "a field of the CRD"),
    Exempt("alertscalers.yaml", r"\bheardSince:$", "a field of the CRD"),
    Exempt("docs/faults.md", r"^\| .*$", "recorded results of a run, with the texts of its day"),
)


@cache
def files() -> tuple[Path, ...]:
    """Every file of `PATHS`, relative to the root."""
    found = {path.relative_to(ROOT) for glob in PATHS for path in ROOT.glob(glob) if path.is_file()}
    return tuple(sorted(path for path in found if "__pycache__" not in path.parts))


def coined(text: str) -> list[str]:
    """The coined words of a text, each with its line and the standard term."""
    return [
        f"{text.count(chr(10), 0, word.start()) + 1}: {word[0]!r}, the standard term is {term!r}"
        for term, words in COINED.items()
        for word in re.finditer(rf"\b({words})\b", text, re.IGNORECASE)
    ]


def without_exempt(path: Path, text: str) -> str:
    """The text of a file without what is exempt; its lines keep their numbers."""
    for exempt in EXEMPT:
        if path.match(exempt.paths):
            text = re.sub(exempt.text, lambda found: "\n" * found[0].count("\n"), text, flags=re.MULTILINE)
    return text


@pytest.mark.parametrize("path", files(), ids=str)
def test_no_coined_word_comes_back(path: Path) -> None:
    assert coined(without_exempt(path, (ROOT / path).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("glob", PATHS)
def test_every_path_has_files(glob: str) -> None:
    assert any(ROOT.glob(glob))


@pytest.mark.parametrize(
    "sentence",
    [
        "Callers get 503.",
        "The house is full.",
        "An alert of grade info.",
        "nobody hears of any alert",
        "Calls are turned away.",
        "It turns them away.",
        "the places are taken",
        "Until that is mended.",
        "express lane",
        "Who is told?",
        "a rival scales it",
        "NOT TAKEN: Prometheus monitoring/one",
    ],
)
def test_a_coined_word_is_found(sentence: str) -> None:
    assert len(coined(f"Standard terms.\n{sentence}\n")) == 1


def test_standard_terms_are_not_coined() -> None:
    assert coined("The load shedder rejects requests of a client. Troubleshooting: use this in place of that.") == []


@pytest.mark.parametrize("exempt", EXEMPT, ids=lambda exempt: exempt.text)
def test_what_is_exempt_is_needed_and_has_a_reason(exempt: Exempt) -> None:
    texts = [(ROOT / path).read_text(encoding="utf-8") for path in files() if path.match(exempt.paths)]
    found = [match[0] for text in texts for match in re.finditer(exempt.text, text, re.MULTILINE)]
    assert any(coined(text) for text in found)
    assert exempt.reason


def test_exempt_is_little() -> None:
    assert len(EXEMPT) <= 10
