"""docs/fetching.md names every limit with its default, and every verdict."""

import dataclasses
import re
from pathlib import Path

import pytest

from scrap.fetch import FetchLimits
from scrap.fetch.verdict import GuardVerdict
from scrap.settings import SETTINGS

PAGE = (Path(__file__).parents[3] / "docs" / "fetching.md").read_text(encoding="utf-8")


def test_limits() -> None:
    names = {setting.field: f"`{setting.variable}`" for setting in SETTINGS if setting.component is FetchLimits}
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| (\S+) \|", PAGE, re.MULTILINE)
    fields = dataclasses.fields(FetchLimits)
    assert sorted(rows) == sorted((one.name, str(one.default), names.get(one.name, "fixed")) for one in fields)


@pytest.mark.parametrize("verdict", GuardVerdict)
def test_verdicts(verdict: GuardVerdict) -> None:
    assert f"`{verdict}`" in PAGE
