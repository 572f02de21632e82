"""`--help` of both programs: what it shows is read in tests/help_texts.txt; `--help-all` has the rest."""

import re

import pytest

from scrap.settings import GROUPS, SETTINGS, Setting
from tests import help_texts


def test_the_texts_are_up_to_date() -> None:
    assert help_texts.FILE.read_text() == help_texts.render(), "run `make docs`, and read them"


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("page", help_texts.PAGES)
def test_lines_fit(page: str, columns: int) -> None:
    flags = ["--help"] if page in {"scrap", "scrap-operator"} else ["--help", "--help-all"]
    for flag in flags:
        lines = help_texts.shown(f"{page} {flag}", columns).splitlines()
        assert lines[0] == f"Usage: {page} {'[OPTIONS]' if ' ' in page else '[OPTIONS] COMMAND [ARGS]...'}" + (
            " URL..." if page == "scrap get" else ""
        )
        assert [line for line in lines if len(line) > columns] == []
        assert any("Example" in line for line in lines)


@pytest.mark.parametrize(
    ("page", "common", "tuning"),
    [
        ("scrap get", "--allowed-ports PORTS", "--inflate-step INTEGER"),
        ("scrap serve", "--cache-url TEXT", "--stale-if-error FLOAT"),
        ("scrap-operator run", "--selector LABELS", "--patience FLOAT"),
    ],
)
def test_what_is_for_tuning_is_in_help_all(page: str, common: str, tuning: str) -> None:
    everything = help_texts.shown(f"{page} --help-all", 120)
    usual = help_texts.shown(f"{page} --help", 120)  # after it: `--help-all` shows, and changes nothing
    assert common in usual
    assert common in everything
    assert tuning not in usual
    assert tuning in everything


def test_get_has_the_settings_of_a_fetch_and_no_other() -> None:
    options = re.findall(r"^  --([a-z0-9-]+) ", help_texts.shown("scrap get --help-all", 120), re.MULTILINE)
    settings = [setting.name for group in ("Load", "Fetching") for setting in GROUPS[group]]
    assert options == ["format", "help-all", *settings]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_default_as_it_is_shown_is_the_default(setting: Setting) -> None:
    assert setting.type.convert(setting.default_text, None, None) == setting.default
