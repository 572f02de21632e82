"""What `tests.words` finds, and what it leaves."""

import re
from pathlib import Path

import pytest

from tests.unit import test_chart_words
from tests.words import COINED, EXEMPT, ROOT, Exempt, coined, without_code, words_of_code


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Who calls is told: the House is strained.", ["Who calls", "told", "House", "strained"]),
        ("Requests are turned away, or let two\nin.", ["turned away", "let two in"]),
        ("The page cannot be had; callers wait for a place.", ["cannot be had", "callers", "a place"]),
        ("An alert of grade info.", ["grade"]),
        ("It hears of any alert, until that is mended.", ["hears", "mended"]),
        ("a rival scales it", ["rival"]),
        ("NOT TAKEN: Prometheus monitoring/one", ["NOT TAKEN"]),
        ("A client waits for a slot in the first place; the queue is full.", []),
        ("outcome caller_error, household, upgraded, ids tell requests apart, carrier-grade NAT", []),
        ("The load shedder rejects requests. Troubleshooting: use this in place of that.", []),
    ],
)
def test_coined_words_are_found_whole(text: str, words: list[str]) -> None:
    assert [re.findall("'(.*?)'", found)[0] for found in coined(text)] == words


def test_a_word_comes_with_its_line_and_the_standard_term() -> None:
    assert coined("one\ntwo\nthe purse") == ["3: 'purse', use 'memory budget'"]


def test_code_marks_are_no_text() -> None:
    assert without_code("say `caller`\n\n    house\n\n```\ndoor\n```\nroom") == "say \n\n\n\n\nroom"


CODE = '''"""A house.

The `door` is a name.
"""
import asyncio as callers  # told
TOLD = "heard"
class Tally(Caller):
    """One
    wish."""
    rooms: int = asyncio.gather
    def pace(self, *doubts, **laws):
        """Of a `purse`"""
        self.rival = lambda settled: (grade := 1)
        try: ...
        except OSError as trouble: f"mend {trouble}"
'''


def test_of_code_names_comments_and_docstrings_count_where_they_are() -> None:
    found = [text.split(", use")[0] for text in coined(words_of_code(CODE))]
    assert found == [
        "1: 'house'",
        "5: 'told'",
        "5: 'callers'",
        "6: 'told'",
        "7: 'tally'",
        "9: 'wish'",
        "10: 'rooms'",
        "11: 'pace'",
        "11: 'doubts'",
        "11: 'laws'",
        "13: 'rival'",
        "13: 'settled'",
        "13: 'grade'",
        "15: 'trouble'",
    ]


def test_every_coined_word_has_a_standard_term() -> None:
    assert all(COINED.values())
    assert not coined(" ".join(COINED.values()))


@pytest.mark.parametrize("exempt", EXEMPT, ids=lambda exempt: exempt.text)
def test_what_is_exempt_is_needed_and_has_a_reason(exempt: Exempt) -> None:
    chart = {path: (ROOT / path).read_text(encoding="utf-8") for path in test_chart_words.files()}
    code = {path: words_of_code((ROOT / path).read_text()) for path in map(Path, ["service/scrap/errors.py"])}
    texts = [text for path, text in {**chart, **code}.items() if path.match(exempt.paths)]
    found = [match[0] for text in texts for match in re.finditer(exempt.text, text, re.MULTILINE)]
    assert any(coined(text) for text in found)
    assert exempt.reason


def test_exempt_is_little() -> None:
    assert len(EXEMPT) <= 10
