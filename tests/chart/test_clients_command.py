"""The command that prints the list of clients of every pod: the same wherever a person finds it."""

import re
import shlex

import pytest

from tests.chart.rendering import ROOT
from tests.chart.test_forms import notes

pytestmark = pytest.mark.needs("helm")

PAGES = ("docs/logs.md", "docs/runbooks/ScrapManyBlockedTargets.md", "docs/runbooks/ScrapRejectingLoad.md")
COMMAND = re.compile(r"^ *(for pod in .*/clients.*)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_the_notes_and_the_pages_have_one_command(page: str) -> None:
    (noted,) = COMMAND.findall(notes())
    (documented,) = COMMAND.findall((ROOT / page).read_text())
    filled = documented.replace("$NS", "demo").replace("$RELEASE", "scrap")
    assert shlex.split(noted) == shlex.split(filled)


def test_the_notes_have_none_where_no_client_is_recorded() -> None:
    assert COMMAND.findall(notes("--set", "config.logClients=off")) == []
