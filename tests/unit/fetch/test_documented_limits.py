"""docs/fetching.md names every limit with its default, and every verdict."""

import dataclasses
import re
from pathlib import Path

import pytest

from scrap.fetch import FetchLimits
from scrap.fetch.verdict import GuardVerdict

PAGE = (Path(__file__).parents[3] / "docs" / "fetching.md").read_text(encoding="utf-8")


def test_limits() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", PAGE, re.MULTILINE))
    assert rows == {field.name: str(field.default) for field in dataclasses.fields(FetchLimits)}


@pytest.mark.parametrize("verdict", GuardVerdict)
def test_verdicts(verdict: GuardVerdict) -> None:
    assert f"`{verdict}`" in PAGE
