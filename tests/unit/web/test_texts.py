"""Every text is there in each language, and no other."""

import re
from importlib.resources import files
from typing import Any

from scrap import explanation
from scrap.cache.entry import EntryState
from scrap.errors import Reason
from scrap.web.texts import LANGUAGES, preferred

ENGLISH, KOREAN = vars(LANGUAGES["en"]), vars(LANGUAGES["ko"])
TEMPLATES = [entry.read_text() for entry in (files("scrap.web") / "templates").iterdir()]


def shape(texts: dict[str, Any]) -> dict[str, Any]:
    return {name: sorted(text) if isinstance(text, dict) else None for name, text in texts.items() if name != "codes"}


def test_the_languages_have_the_same_texts() -> None:
    assert shape(ENGLISH) == shape(KOREAN)


def test_no_text_is_missing_and_none_is_left_over() -> None:
    used = {name for template in TEMPLATES for name in re.findall(r"\btext\.(\w+)", template)}
    used |= {f"instead_{name}" for name in ("twitter", "json_ld")}
    assert used == ENGLISH.keys()


def test_every_code_has_its_korean() -> None:
    assert KOREAN["codes"].keys() == {*explanation.WARNINGS, *explanation.WHY, *(reason.value for reason in Reason)}
    assert ENGLISH["codes"] == {}  # the code has its English


def test_every_value_has_its_words() -> None:
    assert ENGLISH["source"].keys() == {"mark", "header", "meta", "xml", "content"}
    assert ENGLISH["states"].keys() == {*EntryState, "miss"}
    assert ENGLISH["why"].keys() == {"blocked", "upstream_error", "timeout"}


def test_the_preferred_language() -> None:
    assert preferred(b"ko") == "ko"
    assert preferred(b"en-GB, ko;q=0.9") == "en"
    assert preferred(b"de, ko-KR;q=0.3") == "ko"
    assert preferred(b"\xff,,;q=") == "en"
