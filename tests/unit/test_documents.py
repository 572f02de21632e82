"""The documents say what the code does: no more, no less."""

import re
from pathlib import Path

from scrap.api import problem
from scrap.cli import EXIT_CODES
from scrap.errors import Outcome, Reason
from scripts import settings_table

ROOT = Path(__file__).parent.parent.parent


def rows(document: str) -> list[list[str]]:
    """The cells of every table row of a document, without code marks."""
    lines = (ROOT / document).read_text().splitlines()
    return [
        [cell.strip().strip("`") for cell in line.strip("| ").split(" | ")] for line in lines if line.startswith("| `")
    ]


def test_every_problem_is_documented() -> None:
    assert rows("docs/problems.md") == [
        [reason.value, str(problem.status_of(reason)), problem.type_of(reason), reason.fault.value, reason.sentence]
        for reason in Reason
    ]


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs/problems.md").read_text()
    documented = {
        outcome: int(code)
        for code, outcomes in re.findall(r"^\| (\d+) \| (`[^|]*`) \|", page, re.MULTILINE)
        for outcome in re.findall(r"`(\w+)`", outcomes)
    }
    assert documented == {outcome: EXIT_CODES.get(outcome, 0) for outcome in Outcome}


def test_the_table_of_settings_is_up_to_date() -> None:
    assert (ROOT / "docs/settings.md").read_text() == settings_table.render(), "run `make docs`"
